//! The platform's process ends, well or not, and is started again.

use crate::{step::Stop, streams::as_check, tally::Fault, wire, world::World};
use sentiance_core::core::TransportError;

impl World<'_> {
    pub(crate) fn stop(&mut self, stop: Stop) {
        if !self.is_up {
            return;
        }
        match stop {
            Stop::Properly => {
                self.tally.fault(Fault::Restart);
                self.server.restart();
            }
            Stop::CrashIdle => {
                self.tally.fault(Fault::CrashIdle);
                self.server.crash(None);
            }
            Stop::CrashBeforeCommit { which } => {
                let Some(at) = self.nth(which, false) else { return };
                self.tally.fault(Fault::CrashBeforeCommit);
                let request = wire::to_http(&as_check(&self.flights[at].request));
                self.server.crash(Some(request));
                self.give_up(at, TransportError::Unreachable);
            }
            Stop::CrashAfterCommit { which } => {
                let Some(at) = self.nth(which, false) else { return };
                self.tally.fault(Fault::CrashAfterCommit);
                self.act(at);
                self.server.crash(None);
                self.give_up(at, TransportError::Unreachable);
            }
        }
        self.is_up = false;
        for at in self.all_tabs() {
            self.cut(at);
        }
        // What was acknowledged is there, and nothing else.
        self.check_tables();
    }

    pub(crate) fn start(&mut self) {
        self.is_up = true;
    }
}
