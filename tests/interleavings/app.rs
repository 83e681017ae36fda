//! What the app does: the calls that it makes, and the answers of its linkers.

use crate::device::Device;
use crate::identity::identity;
use sentiance_core::core::{
    Call, CreateUserOptions, DataType, Event, InitState, LinkerKind, Preference, Topic,
};
use sentiance_protocol::{DeviceClass, EpochMs, MetadataEntry, Motion, Position, Secret};

/// What a linker does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// It has the app's backend link the install to this external id, and tells whether that worked.
    Links(&'static str),
    /// It returns `false`, or throws.
    Fails,
    /// It never returns.
    Never,
}

/// Something that the app chooses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice {
    NoData,
    AllData,
    MobileData(bool),
    AppSession(bool),
}

impl Device {
    pub(crate) fn create(&mut self, tab: usize, code: usize) {
        let auth_code = Some(code_of(code));
        self.create_with(tab, CreateUserOptions { auth_code, ..CreateUserOptions::default() });
    }

    /// By the application's own credentials.
    pub(crate) fn create_by_credentials(&mut self, tab: usize, linker: LinkerKind) {
        let app_secret = Some(Secret::new("secret"));
        let app_id = Some("app".to_owned());
        self.create_with(
            tab,
            CreateUserOptions { app_id, app_secret, linker, ..CreateUserOptions::default() },
        );
    }

    fn create_with(&mut self, tab: usize, options: CreateUserOptions) {
        self.call(
            tab,
            "createUser",
            Call::CreateUser(Box::new(options), Box::new(identity(DeviceClass::Phone))),
        );
    }

    pub(crate) fn request_token(&mut self, tab: usize) {
        self.call(tab, "requestUserAccessToken", Call::RequestUserAccessToken);
    }

    pub(crate) fn reset(&mut self, tab: usize) {
        self.reset_since = true;
        self.call(tab, "reset", Call::Reset);
    }

    pub(crate) fn user_exists(&mut self, tab: usize) {
        self.call(tab, "userExists", Call::UserExists);
    }

    pub(crate) fn get_status(&mut self, tab: usize) {
        self.call(tab, "getSdkStatus", Call::GetSdkStatus);
    }

    pub(crate) fn link_user(&mut self, tab: usize) {
        self.call(tab, "linkUser", Call::LinkUser);
    }

    pub(crate) fn link_by_code(&mut self, tab: usize, code: usize) {
        self.call(tab, "linkUserWithAuthCode", Call::LinkUserWithAuthCode(code_of(code)));
    }

    /// One of the linkers that were called does what it does.
    pub(crate) fn answer_linker(&mut self, tab: usize, which: usize, answer: Answer) {
        let waiting = self.tabs[tab].linkings.len();
        if waiting == 0 {
            return;
        }
        let linking = self.tabs[tab].linkings.remove(which % waiting);
        let linked = match answer {
            Answer::Links(external_id) => self.platform.link_install(&linking.install_id, external_id),
            Answer::Fails => false,
            Answer::Never => return,
        };
        let outcome = if linked { Ok(()) } else { Err("The linker returned false.".to_owned()) };
        self.feed(tab, Event::LinkerAnswered(linking.ticket, outcome));
    }

    /// Sets an entry of metadata, to a text that tells whose it is, or removes it.
    pub(crate) fn change_metadata(&mut self, tab: usize, key: usize, is_set: bool) {
        self.entries += 1;
        let core = &self.tabs[tab].core;
        let whose = match (&core.record().user, core.init_state()) {
            (Some(user), _) => user.install_id.clone(),
            // Without a user, it is the next one's; a tab that has not read the storage can't tell.
            (None, InitState::Initialized) => "nobody".to_owned(),
            (None, _) => "anybody".to_owned(),
        };
        let value = is_set.then(|| format!("{whose} {}", self.entries));
        let entry = MetadataEntry { key: format!("key-{key}"), value };
        self.call(tab, "addUserMetadataField", Call::ChangeMetadata(vec![entry]));
    }

    /// Wants detections, for half an hour or until further notice.
    pub(crate) fn enable(&mut self, tab: usize, expires: bool) {
        let until = EpochMs(self.tabs[tab].local(self.now) + 30.0 * 60_000.0);
        self.call(tab, "enableDetections", Call::EnableDetections(expires.then_some(until)));
    }

    pub(crate) fn disable(&mut self, tab: usize) {
        self.call(tab, "disableDetections", Call::DisableDetections);
    }

    pub(crate) fn submit(&mut self, tab: usize) {
        self.call(tab, "submitDetections", Call::SubmitDetections);
    }

    pub(crate) fn start_trip(&mut self, tab: usize) {
        let metadata = vec![MetadataEntry { key: "from".to_owned(), value: Some("home".to_owned()) }];
        self.call(tab, "startTrip", Call::StartTrip { metadata, transport_mode: Some(2) });
    }

    pub(crate) fn add_trip_metadata(&mut self, tab: usize) {
        self.entries += 1;
        let key = format!("stop-{}", self.entries);
        let entries = vec![MetadataEntry { key, value: Some("shop".to_owned()) }];
        self.call(tab, "addTripMetadata", Call::AddTripMetadata(entries));
    }

    pub(crate) fn stop_trip(&mut self, tab: usize) {
        self.call(tab, "stopTrip", Call::StopTrip);
    }

    pub(crate) fn choose(&mut self, tab: usize, choice: Choice) {
        let preference = match choice {
            Choice::NoData => Preference::DataTypes(0),
            Choice::AllData => Preference::DataTypes(DataType::All as u32),
            Choice::MobileData(allowed) => Preference::MobileData(allowed),
            Choice::AppSession(enabled) => Preference::AppSession(enabled),
        };
        self.call(tab, "setTransmittableDataTypes", Call::Choose(preference));
    }

    pub(crate) fn listen_to(&mut self, tab: usize, topic: Topic, listening: bool) {
        self.feed(tab, Event::Listening(topic, listening));
    }

    /// The device is at a place, which the tab hears of if it reads the sensors.
    pub(crate) fn drive(&mut self, tab: usize, longitude: f64) {
        if self.tabs[tab].senses {
            let position = Position {
                latitude: 51.0,
                longitude,
                accuracy: 10.0,
                altitude: None,
                speed: Some(10.0),
                heading: None,
            };
            let time = EpochMs(self.tabs[tab].local(self.now));
            self.feed(tab, Event::Located(position, time));
        }
    }

    pub(crate) fn shake(&mut self, tab: usize) {
        if self.tabs[tab].senses {
            let motion = Motion {
                duration_ms: 10_000,
                samples: 600,
                acceleration_mean: 9.8,
                acceleration_max: 12.0,
                rotation_mean: None,
            };
            self.feed(tab, Event::Moved(motion));
        }
    }

    pub(crate) fn call(&mut self, tab: usize, name: &'static str, call: Call) {
        self.tabs[tab].call(self.now, name, call);
        self.listen(tab);
    }
}

fn code_of(code: usize) -> Secret {
    Secret::new(format!("code-{code}"))
}
