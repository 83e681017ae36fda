//! Permissions, sensors, connection, room: what is there, and when it changes. Without a timer: browsers tell.

use crate::core::{Event, LocationAccess, Surroundings};
use crate::driver::pump::Driver;
use crate::driver::table::Table;
use crate::driver::{js, page};
use js_sys::{Date, Promise};
use std::cell::{Cell, RefCell};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;

/// How long a browser may take to answer one question.
const ANSWER_MS: f64 = 5_000.0;
/// How old an answer about the room that is left may be before it is asked for again.
const ROOM_MS: f64 = 1_000.0;
/// The same after a write, which takes little of it.
const ROOM_AFTER_WRITE_MS: f64 = 5_000.0;

/// What is known of the surroundings.
pub(super) struct Known {
    now: RefCell<Surroundings>,
    watching: Cell<bool>,
    /// Kept, since a browser may forget a permission's listener with its object.
    permissions: Table<&'static str, JsValue>,
    room_asked_at: Cell<f64>,
    /// What the runtime says of the permission for positions.
    permission: Cell<LocationAccess>,
    /// What happened instead, which counts for more: the app got a position or said that it may have one, or the SDK
    /// was refused one in spite of the permission, as by a system that does not trust the browser.
    happened: Cell<Option<bool>>,
    /// Whether it is being looked around.
    looking: Cell<bool>,
}

impl Default for Known {
    fn default() -> Self {
        Known {
            now: RefCell::new(Surroundings::NOTHING),
            watching: Cell::default(),
            permissions: Table::default(),
            room_asked_at: Cell::default(),
            permission: Cell::new(LocationAccess::Unknown),
            happened: Cell::default(),
            looking: Cell::default(),
        }
    }
}

impl Driver {
    /// Looks around for the first time, and watches from then on. Returns what settles once the core knows; `None`
    /// means that this was done before, or that there is nothing to look at.
    pub(in crate::driver) fn watch_surroundings(&'static self) -> Option<Promise> {
        if self.sensors.known.watching.replace(true) || !has_surroundings() {
            return None;
        }
        let connection: [(&[&str], &str); 3] =
            [(&["window"], "online"), (&["window"], "offline"), (&["navigator", "connection"], "change")];
        for (target, event) in connection {
            page::listen(target, event, move |_| self.change(&|now| read_connection(now)));
        }
        self.probe_motion();
        let (seen, done) = js::deferred();
        spawn_local(async move {
            self.see().await;
            let _ = done.call0(&JsValue::UNDEFINED);
        });
        Some(seen)
    }

    /// Looks around again, unless that is under way.
    pub(in crate::driver) fn look_around(&'static self) {
        if has_surroundings() && !self.sensors.known.looking.get() {
            self.start_look();
        }
    }

    /// Something was written: there may be less room than before.
    pub(in crate::driver) fn look_around_after_write(&'static self) {
        if self.sensors.known.is_room_older_than(ROOM_AFTER_WRITE_MS) {
            self.look_around();
        }
    }

    fn start_look(&'static self) {
        spawn_local(async move { self.see().await });
    }

    /// Asks everything, and tells the core.
    async fn see(&'static self) {
        let known = &self.sensors.known;
        known.looking.set(true);
        // All questions are asked before the first answer is awaited.
        let location = ask_permission("geolocation");
        let motion = ask_permission("accelerometer");
        let room = if known.is_room_older_than(ROOM_MS) { known.ask_room() } else { None };
        self.change(&|now| {
            now.has_geolocation = page::has_geolocation();
            read_connection(now);
        });
        // Each answer is taken over as it comes, since another look may be under way.
        known.permission.set(self.permission("geolocation", location).await);
        self.change(&|now| now.location = known.location());
        match self.permission("accelerometer", motion).await {
            LocationAccess::Unknown => {}
            access => self.change(&|now| now.may_sense_motion = access == LocationAccess::Granted),
        }
        if let Some(free) = free_bytes(room).await {
            self.change(&|now| now.free_bytes = Some(free));
        }
        known.looking.set(false);
        let now = known.now.borrow().clone();
        self.dispatch(Event::Surroundings(Box::new(now)));
    }

    /// How a permission stands, and watches it from now on.
    async fn permission(&'static self, name: &'static str, asked: Option<JsValue>) -> LocationAccess {
        let Some(asked) = asked else { return LocationAccess::Unknown };
        let Some(Ok(status)) = js::within(&asked, ANSWER_MS, true).await else {
            return LocationAccess::Unknown;
        };
        let access = match js::text(&js::get(&status, "state")).as_deref() {
            Some("granted") => LocationAccess::Granted,
            Some("denied") => LocationAccess::Denied,
            Some("prompt") => LocationAccess::Prompt,
            _ => return LocationAccess::Unknown,
        };
        if self.sensors.known.permissions.with(&name, |_| ()).is_none() {
            let on_change = Closure::<dyn Fn()>::new(move || {
                self.sensors.known.happened.set(None);
                // Also where a look is under way: it may have read what was before.
                self.start_look();
            });
            js::set(status.unchecked_ref(), "onchange", on_change.into_js_value());
            self.sensors.known.permissions.insert(name, status);
        }
        access
    }

    /// Positions may be read, or may not, whatever the permission says, until that changes. `None` leaves it to the
    /// permission.
    pub(in crate::driver) fn note_access(&'static self, happened: Option<bool>) {
        let known = &self.sensors.known;
        known.happened.set(happened);
        self.change(&|now| now.location = known.location());
    }

    /// The SDK was refused a position. What that means is known once the permission was looked at again.
    pub(super) fn note_refusal(&'static self) {
        self.sensors.known.happened.set(Some(false));
        self.start_look();
    }

    /// What a reading of the motion sensors tells of them.
    pub(super) fn note_motion(&'static self, has_acceleration: bool, has_rotation: bool) {
        self.change(&|now| {
            now.has_accelerometer |= has_acceleration;
            now.has_gyroscope |= has_rotation;
            now.may_sense_motion |= has_acceleration || has_rotation;
        });
    }

    /// Changes what is known, and tells the core if that makes a difference.
    fn change(&'static self, update: &dyn Fn(&mut Surroundings)) {
        let before = self.sensors.known.now.borrow().clone();
        let mut now = before.clone();
        update(&mut now);
        if now != before {
            *self.sensors.known.now.borrow_mut() = now.clone();
            self.dispatch(Event::Surroundings(Box::new(now)));
        }
    }
}

impl Known {
    fn location(&self) -> LocationAccess {
        match self.happened.get() {
            Some(true) => LocationAccess::Granted,
            // Where the person would be asked, a refusal is not for good: Chromium reports one when the person takes the
            // permission back.
            Some(false) if self.permission.get() != LocationAccess::Prompt => LocationAccess::Denied,
            _ => self.permission.get(),
        }
    }

    fn is_room_older_than(&self, ms: f64) -> bool {
        // A clock that was set back makes it old, too.
        !(0.0..ms).contains(&(Date::now() - self.room_asked_at.get()))
    }

    fn ask_room(&self) -> Option<JsValue> {
        self.room_asked_at.set(Date::now());
        js::ask(&js::global_at(&["navigator", "storage"]), "estimate", &[])
    }
}

/// Whether anything here tells of surroundings: in React Native a geolocation does, which the app may bring any time.
fn has_surroundings() -> bool {
    page::is_page() || page::has_geolocation()
}

fn ask_permission(name: &str) -> Option<JsValue> {
    let descriptor = js::object(&[("name", name.into())]);
    js::ask(&js::global_at(&["navigator", "permissions"]), "query", &[&descriptor])
}

async fn free_bytes(asked: Option<JsValue>) -> Option<f64> {
    let estimate = js::within(&asked?, ANSWER_MS, true).await?.ok()?;
    Some((js::get(&estimate, "quota").as_f64()? - js::get(&estimate, "usage").as_f64()?).max(0.0))
}

fn read_connection(now: &mut Surroundings) {
    now.is_online = js::global_at(&["navigator", "onLine"]) != false;
    let kind = js::global_text(&["navigator", "connection", "type"]);
    now.is_mobile_network = kind.as_deref() == Some("cellular");
}
