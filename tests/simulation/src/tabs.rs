//! What the tabs of the devices do: they begin, work on their storage, hear each other, speak, and die.

use crate::{
    broken::Broken,
    invariant::Invariant,
    network::Flight,
    step::At,
    tab::Said,
    tally::{Fault, Outcome},
    world::{PATIENCE, World},
};
use sentiance_core::core::{Body, Event};

impl World<'_> {
    pub(crate) fn open(&mut self, at: At) {
        let surroundings = self.devices[at.device].surroundings.clone();
        self.feed(at, Event::Surroundings(Box::new(surroundings)));
        self.call(at, "ensureInitialized", sentiance_core::core::Call::EnsureInitialized);
    }

    pub(crate) fn tab_dies(&mut self, at: At) {
        self.tally.fault(Fault::TabDeath);
        if self.devices[at.device].unheard[at.tab] > 0 {
            self.tally.fault(Fault::LostAnnouncement);
        }
        self.devices[at.device].reopen(at.tab);
        self.open(at);
    }

    pub(crate) fn cut_power(&mut self, device: usize) {
        self.tally.fault(Fault::PowerCut);
        self.devices[device].cut_power(self.now);
        let stored = self.devices[device].stored_install().map(str::to_owned);
        if self.devices[device].lost_writes
            && let Some(install_id) = stored
        {
            self.oracle.suspect(&install_id);
        }
        for tab in 0..self.devices[device].tabs.len() {
            self.open(At { device, tab });
        }
    }

    pub(crate) fn work_storage(&mut self, at: At, fails: bool) {
        let device = &mut self.devices[at.device];
        let before = device.storage.as_ref().and_then(|record| record.user.clone());
        let Some(mut event) = device.work_storage(at.tab, fails, self.now, self.broken) else { return };
        if let Event::Committed(_, outcome) = &event {
            match outcome {
                sentiance_core::core::CommitOutcome::Conflict(_) => self.tally.outcome(Outcome::Conflict),
                sentiance_core::core::CommitOutcome::Failed(_) => self.tally.fault(Fault::FailedWrite),
                sentiance_core::core::CommitOutcome::Written => {}
            }
        } else if fails {
            self.tally.fault(Fault::FailedRead);
        }
        if self.broken == Some(Broken::UserFallsOut)
            && let Event::Loaded(_, sentiance_core::core::LoadOutcome::Found(Some(record))) = &mut event
            && record.epoch > 5
        {
            record.user = None;
            self.devices[at.device].storage = Some(record.clone());
        }
        let device = &self.devices[at.device];
        if let (Some(old), Some(new)) = (&before, device.stored_user())
            && old.install_id == new.install_id
            && new.token.generation < old.token.generation
        {
            let details = format!("{}: an older session replaced a newer one", device.name);
            self.violated(Invariant::SessionsLast, details);
        }
        self.feed(at, event);
    }

    pub(crate) fn answer_lock(&mut self, at: At) {
        if let Some(event) = self.devices[at.device].answer_lock(at.tab) {
            self.feed(at, event);
        }
    }

    pub(crate) fn hear(&mut self, at: At) {
        let unheard = &mut self.devices[at.device].unheard[at.tab];
        if *unheard > 0 {
            *unheard -= 1;
            self.feed(at, Event::RecordChanged);
        }
    }

    pub(crate) fn lead(&mut self, at: At) {
        if let Some(event) = self.devices[at.device].take_lead(at.tab) {
            self.feed(at, event);
        }
    }

    /// All that a device can do without the network is done.
    pub(crate) fn catch_up(&mut self, device: usize) {
        for _ in 0..PATIENCE {
            let tabs = self.devices[device].tabs.len();
            let busy: Vec<usize> = (0..tabs).filter(|tab| self.devices[device].is_busy(*tab)).collect();
            if busy.is_empty() || self.violation.is_some() {
                return;
            }
            for tab in busy {
                let at = At { device, tab };
                self.answer_lock(at);
                self.lead(at);
                // A storage gets further than one write, lest two tabs that commit in turns be in each other's way
                // for ever.
                for _ in 0..4 {
                    self.work_storage(at, false);
                }
                self.work_chore(at, false);
                self.hear(at);
            }
        }
        let details = format!("{}: no rest after {PATIENCE} rounds", self.devices[device].name);
        self.violated(Invariant::Deadlines, details);
    }

    /// Gives a tab an event.
    pub(crate) fn feed(&mut self, at: At, event: Event) {
        let device = &mut self.devices[at.device];
        device.tabs[at.tab].feed(self.now, event);
        self.take(at);
    }

    /// Takes what a tab says.
    pub(crate) fn take(&mut self, at: At) {
        if let Some(lost) = self.broken.and_then(Broken::lost_timer) {
            self.devices[at.device].tabs[at.tab].timers.retain(|(timer, _)| *timer != lost);
        }
        for said in std::mem::take(&mut self.devices[at.device].tabs[at.tab].said) {
            match said {
                Said::Announced => {
                    for (other, unheard) in self.devices[at.device].unheard.iter_mut().enumerate() {
                        *unheard += usize::from(other != at.tab);
                    }
                }
                Said::Unlocked(_) if self.broken == Some(Broken::KeepsLocks) => {}
                Said::Unlocked(name) => self.devices[at.device].locks.unlock(name),
                Said::GaveUp(role) => self.devices[at.device].locks.give_up_role(at.tab, role),
                Said::Warned(code) => {
                    self.trace.say(|| format!("{at}: warns {code}"));
                    self.tally.outcome(Outcome::Warned);
                    let device = &mut self.devices[at.device];
                    match code {
                        "STORAGE_WRITE_FAILED" => device.warned = true,
                        _ => device.shelf_failed = true,
                    }
                }
                Said::Told => self.tally.outcome(Outcome::StatusTold),
                Said::Settled(name, outcome) => self.settled(at, name, outcome),
            }
        }
        self.take_requests(at);
        self.check_tab(at);
    }

    /// What a tab has sent is on its way from now on.
    pub(crate) fn take_requests(&mut self, at: At) {
        let device = &self.devices[at.device];
        let birth = device.births[at.tab];
        let known = |ticket| {
            let is_it = |flight: &Flight| {
                (flight.device, flight.birth, flight.ticket) == (at.device, birth, Some(ticket))
            };
            self.flights.iter().any(is_it)
        };
        let new: Vec<_> =
            device.tabs[at.tab].requests.iter().filter(|(ticket, _)| !known(*ticket)).cloned().collect();
        for (ticket, request) in new {
            if matches!(request.body, Body::Goodbye) {
                self.check_goodbye(at, &request);
            }
            if self.devices[at.device].warned
                && let Some(install_id) = self.install_of(&request)
            {
                // It may come back with an older state than this.
                self.oracle.suspect(&install_id);
            }
            self.flights.push(Flight {
                device: at.device,
                tab: at.tab,
                birth,
                ticket: Some(ticket),
                request,
                sent_at: self.now,
                answer: None,
            });
        }
    }
}
