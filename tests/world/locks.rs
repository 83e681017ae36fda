//! The locks of a browser, and the roles that one tab has for all: who holds which. For `tests/interleavings` and for
//! `tests/simulation`.

use crate::tab::Tab;
use sentiance_core::core::{Event, Extent, LockName, LockOutcome, Role};
use std::collections::HashMap;

/// What the tabs of one device hold, each by its number.
#[derive(Debug)]
pub(crate) struct Locks {
    /// Whether the browser has locks. Without them, every tab gets every lock and every role.
    exist: bool,
    held: HashMap<LockName, usize>,
    leaders: HashMap<Role, usize>,
}

impl Locks {
    pub(crate) fn new(exist: bool) -> Self {
        Locks { exist, held: HashMap::new(), leaders: HashMap::new() }
    }

    /// Answers one of the requests for a lock that wait in the tab of that number, if any do.
    pub(crate) fn answer(&mut self, number: usize, tab: &mut Tab, which: usize) -> Option<Event> {
        let waiting = tab.lock_requests.len();
        if waiting == 0 {
            return None;
        }
        let (ticket, name) = tab.lock_requests.remove(which % waiting);
        let outcome = if name == LockName::Creation && !self.is_free(LockName::Reset) {
            LockOutcome::Resetting
        } else if self.is_free(name) {
            LockOutcome::Acquired
        } else {
            LockOutcome::Busy
        };
        if outcome == LockOutcome::Acquired {
            self.held.insert(name, number);
            tab.grant(ticket, name);
        }
        Some(Event::Locked(ticket, outcome))
    }

    fn is_free(&self, name: LockName) -> bool {
        !self.exist || !self.held.contains_key(&name)
    }

    pub(crate) fn unlock(&mut self, name: LockName) {
        self.held.remove(&name);
    }

    /// Gives the tab of that number the first role that it wants and no other has.
    pub(crate) fn grant_role(&mut self, number: usize, tab: &mut Tab) -> Option<Event> {
        let at = self.position_of_role(tab)?;
        let role = tab.wishes.remove(at);
        let extent = if self.exist {
            self.leaders.insert(role, number);
            Extent::Always
        } else {
            Extent::WhileVisible
        };
        Some(Event::Leading(role, extent))
    }

    /// Whether there is a role for that tab.
    pub(crate) fn has_role_for(&self, tab: &Tab) -> bool {
        self.position_of_role(tab).is_some()
    }

    fn position_of_role(&self, tab: &Tab) -> Option<usize> {
        tab.wishes.iter().position(|role| !self.leaders.contains_key(role))
    }

    pub(crate) fn give_up_role(&mut self, number: usize, role: Role) {
        self.leaders.retain(|led, leader| *led != role || *leader != number);
    }

    /// The tab of that number is gone, and the browser gives back all that it held.
    pub(crate) fn forget(&mut self, number: usize) {
        self.held.retain(|_, owner| *owner != number);
        self.leaders.retain(|_, leader| *leader != number);
    }

    /// Whether a tab holds a lock.
    pub(crate) fn is_holder(&self, number: usize) -> bool {
        self.held.values().any(|owner| *owner == number)
    }
}
