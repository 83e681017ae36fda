//! What `initialize` and the page or process name, judged against the user that is there: alike before and after the
//! storage was read.

use super::effect::{Effect, Output, Warning};
use super::error::{Code, Reason, SdkError};
use super::event::CallId;
use super::machine::Core;
use super::platform_url::{DEFAULT_PLATFORM_URL, PlatformUrl};
use super::settings::Timeouts;

/// What `initialize` was given, as far as the core decides about it; `None` leaves what is in force.
#[derive(Clone, Debug, Default)]
pub struct InitializeOptions {
    /// The platform for users created from now on.
    pub platform_url: Option<String>,
    /// Where the user is kept.
    pub storage: Option<StorageChoice>,
    /// The deadlines from now on.
    pub timeouts: Option<Timeouts>,
}

/// A storage that an app chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageChoice {
    /// Tells it from the others; 0 is the default.
    pub number: u32,
    /// What a message calls it.
    pub name: String,
}

impl Default for StorageChoice {
    fn default() -> Self {
        StorageChoice { number: 0, name: "the default storage".to_owned() }
    }
}

/// Options that took effect before they could be judged, and what was in force before.
#[derive(Debug)]
pub(super) struct Tried {
    call: CallId,
    platform_url: Option<PlatformUrl>,
    timeouts: Timeouts,
}

impl Core {
    /// Has the options take effect, so that the storage that they name is read, and a warning finds the app's logger.
    /// They are judged when it was read.
    pub(super) fn try_options(&mut self, id: CallId, options: &InitializeOptions) {
        self.emit(Effect::ApplyOptions(id));
        let platform_url = self.platform_url.clone();
        self.tried = Some(Tried { call: id, platform_url, timeouts: self.settings.timeouts });
        self.settings.timeouts = options.timeouts.unwrap_or(self.settings.timeouts);
        // Checked when the call came.
        if let Some(url) = options.platform_url.as_deref().and_then(|url| PlatformUrl::parse(url).ok()) {
            self.platform_url = Some(url);
        }
        if let Some(storage) = &options.storage {
            self.storage = storage.clone();
        }
    }

    /// `initialize` where the storage was read: free while there is no user, harmless where nothing changes.
    pub(super) fn initialize(&mut self, id: CallId, options: InitializeOptions) {
        let tried = self.tried.take_if(|tried| tried.call == id);
        if let Some(details) = self.refuse_options(&options) {
            if let Some(tried) = tried {
                // Not the storage: it was opened, and the user is in it.
                self.emit(Effect::WithdrawOptions(id));
                self.platform_url = tried.platform_url;
                self.settings.timeouts = tried.timeouts;
            }
            let error = SdkError::new(Code::Initialization, Reason::ReinitializationNotAllowed, details);
            return self.settle(id, Err(error));
        }
        if tried.is_none() {
            let replaces_storage = self.names_other_storage(&options);
            self.try_options(id, &options);
            if replaces_storage {
                return self.load(vec![(id, super::Call::Initialize(Box::new(options)))]);
            }
            self.tried = None;
        }
        self.settle(id, Ok(Output::Nothing));
    }

    fn names_other_storage(&self, options: &InitializeOptions) -> bool {
        options.storage.as_ref().is_some_and(|storage| storage.number != self.storage.number)
    }

    /// Why these options can't take effect while the user is there that is there, or is being created.
    fn refuse_options(&self, options: &InitializeOptions) -> Option<String> {
        let present = self.present_platform()?;
        let named = options.platform_url.as_deref().and_then(|url| PlatformUrl::parse(url).ok());
        if let Some(named) = named.filter(|named| *named != present) {
            return Some(differs("user belongs to", present.as_str(), named.as_str()));
        }
        let named = options.storage.as_ref().filter(|_| self.names_other_storage(options))?;
        if named.name == self.storage.name {
            return Some(SAME_KIND.to_owned());
        }
        Some(differs("user is kept in", &self.storage.name, &named.name))
    }

    /// The platform of the user that is there, or is being created.
    fn present_platform(&self) -> Option<PlatformUrl> {
        match &self.record.user {
            // A record whose URL is none was not read.
            Some(user) => PlatformUrl::parse(&user.platform_url).ok(),
            None => self.creation.as_ref().map(|creation| creation.platform_url.clone()),
        }
    }

    /// The user keeps its platform where another one is named by what no call can be refused for: the page, the process,
    /// or an `initialize` whose storage could not be read then. Once the storage was read.
    pub(super) fn compare_platforms(&mut self) {
        let Some(present) = self.present_platform() else { return };
        let named = match &self.platform_url {
            Some(url) => Some(url.clone()),
            None => self.ambient_platform().and_then(Result::ok),
        };
        if let Some(named) = named.filter(|named| *named != present) {
            self.emit(Effect::Warn(Warning::other_platform(present.as_str(), named.as_str())));
            self.platform_url = None;
        }
    }

    fn ambient_platform(&self) -> Option<Result<PlatformUrl, &'static str>> {
        self.settings.ambient_platform_url.as_deref().map(PlatformUrl::parse)
    }

    /// `createUser`'s own, else `initialize`'s, else the page's or the process's, else the original's default.
    pub(super) fn choose_platform(&mut self, named: Option<&str>) -> Result<PlatformUrl, String> {
        if let Some(url) = named {
            return PlatformUrl::parse(url).map_err(str::to_owned);
        }
        if let Some(url) = &self.platform_url {
            return Ok(url.clone());
        }
        if let Some(ambient) = self.ambient_platform() {
            return ambient.map_err(|why| [AMBIENT, why].concat());
        }
        self.emit(Effect::Warn(Warning::default_platform()));
        PlatformUrl::parse(DEFAULT_PLATFORM_URL).map_err(str::to_owned)
    }
}

const AMBIENT: &str = "SENTIANCE_PLATFORM_URL, or the one <meta> for it in the page's head, can't be used: ";
const SAME_KIND: &str = "The user is kept in another object than the storage that initialize was given, even if both \
                         hold the same: pass the same object each time, or call reset first.";

fn differs(what: &str, present: &str, named: &str) -> String {
    ["The ", what, " ", present, ", and initialize named ", named, ". Call reset first."].concat()
}
