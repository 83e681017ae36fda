//! How time passes: to the next timer or deadline, for all at once.

use crate::{
    invariant::Invariant,
    network::{Arrival, LONGEST_MS, Return},
    tally::Fault,
    world::{PATIENCE, World},
};
use sentiance_core::core::{Event, TransportError};

/// From so many milliseconds on, a device does all that it can before they pass.
const LONG_MS: f64 = 100.0;

impl World<'_> {
    /// Time passes. Where that is long, devices do meanwhile what they can, and the network, too.
    pub(crate) fn wait_until(&mut self, target: f64, online: bool) {
        if target - self.now < LONG_MS {
            return self.advance(target);
        }
        self.go_on(online);
        for _ in 0..PATIENCE {
            if self.violation.is_some() {
                return;
            }
            match self.next_due().filter(|due| *due < target) {
                Some(due) => self.advance(due),
                None => return self.advance(target),
            }
            self.go_on(online);
        }
        self.violated(Invariant::Deadlines, format!("no rest after {PATIENCE} timers"));
    }

    /// All that can be done at this moment is done.
    pub(crate) fn go_on(&mut self, online: bool) {
        for _ in 0..PATIENCE {
            for device in 0..self.devices.len() {
                self.catch_up(device);
            }
            let is_quiet = self.flights.is_empty() && !self.all_tabs().iter().any(|at| self.has_news(*at));
            if !online || is_quiet || self.violation.is_some() {
                return;
            }
            self.deliver_everything();
        }
        self.violated(Invariant::Deadlines, format!("no rest after {PATIENCE} rounds of the network"));
    }

    /// Everything that is on its way arrives.
    pub(crate) fn deliver_everything(&mut self) {
        for at in self.all_tabs() {
            self.push(at);
        }
        for _ in 0..self.flights.len() {
            if self.flights.iter().any(|flight| flight.answer.is_none()) {
                self.arrive(0, Arrival::Acts);
            }
            if self.flights.iter().any(|flight| flight.answer.is_some()) {
                self.return_answer(0, Return::Arrives);
            }
        }
    }

    pub(crate) fn next_due(&self) -> Option<f64> {
        let timers = self.devices.iter().flat_map(|device| &device.tabs).filter_map(|tab| tab.next_timer());
        let timeouts = self.flights.iter().filter(|flight| self.is_awaited(flight));
        let timeouts = timeouts.map(|flight| flight.sent_at + flight.request.timeout_ms);
        timers.map(|(_, due)| due).chain(timeouts).min_by(f64::total_cmp)
    }

    /// Time passes, and whatever is due happens in its order.
    pub(crate) fn advance(&mut self, target: f64) {
        while let Some(due) = self.next_due().filter(|due| *due <= target) {
            self.set_time(due);
            let late = self.flights.iter().position(|flight| {
                flight.sent_at + flight.request.timeout_ms <= due && self.is_awaited(flight)
            });
            if let Some(late) = late {
                self.tally.fault(Fault::Silence);
                self.give_up(late, TransportError::TimedOut);
                continue;
            }
            for at in self.all_tabs() {
                let tab = &mut self.devices[at.device].tabs[at.tab];
                if let Some((timer, _)) = tab.next_timer().filter(|(_, at)| *at <= due) {
                    tab.timers.retain(|(other, _)| *other != timer);
                    self.feed(at, Event::TimerFired(timer));
                    break;
                }
            }
        }
        self.set_time(target);
        self.flights.retain(|flight| target - flight.sent_at <= LONGEST_MS);
    }

    pub(crate) fn set_time(&mut self, now: f64) {
        // Times are whole numbers on the wire.
        self.now = self.now.max(now.ceil());
        self.server.set_time(self.now);
    }
}
