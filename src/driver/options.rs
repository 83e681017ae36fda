//! The options of `initialize` and of `createUser`, from JavaScript.

use super::errors;
use super::identity::DeviceOverrides;
use super::js;
use super::linking;
use super::pump::{Driver, driver};
use super::storage::Choice;
use super::table::Table;
use crate::core::{
    Call, CallId, Code, CreateUserOptions, InitializeOptions, LinkerKind, Reason, SdkError, StorageChoice,
    Timeouts,
};
use js_sys::{Function, Promise, TypeError};
use sentiance_protocol::Secret;
use std::cell::{Cell, RefCell};
use wasm_bindgen::{JsCast, JsValue};

/// The longest deadline that an app may choose: ten minutes.
pub(super) const LONGEST_TIMEOUT_MS: f64 = 600_000.0;

/// The options in force, and those of calls that are not settled.
#[derive(Default)]
pub(super) struct Options {
    in_force: RefCell<Given>,
    waiting: Table<CallId, Given>,
    /// What the options of a call replaced, until it is settled.
    replaced: Table<CallId, Given>,
    /// The number of the storage in use, and the last one that was given.
    storage_in_use: Cell<u32>,
    last_storage: Cell<u32>,
}

/// Options as the app gave them; `None` leaves what is in force.
#[derive(Clone, Default)]
struct Given {
    platform_url: Option<String>,
    /// With the number by which the core knows it.
    storage: Option<(u32, Choice)>,
    fetch: Option<Function>,
    device_info: Option<DeviceOverrides>,
    /// `null` silences the SDK.
    logger: Option<JsValue>,
    timeouts: Option<Timeouts>,
    location_allowed: Option<bool>,
}

/// `initialize(options)`.
pub(crate) fn initialize(options: &JsValue) -> Promise {
    let mut given = match Given::parse(options) {
        Ok(given) => given,
        Err(why) => {
            let error = SdkError::new(Code::Initialization, Reason::InvalidParams, why);
            return Promise::reject(&errors::to_js(&error));
        }
    };
    let driver = driver();
    let storage = given.storage.as_mut().map(|(number, choice)| {
        *number = driver.number_of_storage(choice);
        StorageChoice { number: *number, name: choice.name() }
    });
    let options =
        InitializeOptions { platform_url: given.platform_url.clone(), storage, timeouts: given.timeouts };
    let call = Call::Initialize(Box::new(options));
    let (id, promise) = driver.calls.open(None);
    driver.options.waiting.insert(id, given);
    driver.make(id, call);
    promise
}

/// `createUser(options)`, or `createUser(code)`.
pub(crate) fn create_user(options: &JsValue) -> Promise {
    if options.is_null() || options.is_undefined() {
        // What the original's callers see, since it reads properties of `undefined`.
        return Promise::reject(&TypeError::new(
            "createUser needs an authentication code, or an object with one",
        ));
    }
    let (parsed, linker) = match parse_create_user(options) {
        Ok(parsed) => parsed,
        Err(why) => {
            let error = SdkError::new(Code::MissingParams, Reason::InvalidParams, why);
            return Promise::reject(&errors::to_js(&error));
        }
    };
    let driver = driver();
    let identity = Box::new(driver.identity());
    let (id, promise) = driver.calls.open(None);
    if parsed.linker == LinkerKind::Function && parsed.auth_code.is_none() {
        driver.linkers.keep(id, linker);
    }
    driver.make(id, Call::CreateUser(Box::new(parsed), identity));
    promise
}

/// The options, each read once, and the linker among them.
fn parse_create_user(options: &JsValue) -> Result<(CreateUserOptions, JsValue), String> {
    if let Some(code) = options.as_string() {
        let auth_code = Some(code).filter(|code| !code.is_empty()).map(Secret::new);
        return Ok((CreateUserOptions { auth_code, ..CreateUserOptions::default() }, JsValue::UNDEFINED));
    }
    if options.is_object() {
        js::expect_record("The argument of createUser", options)?;
    }
    let field = |name, wrong: &str| match js::option(options, name)?.filter(|value| !value.is_falsy()) {
        None => Ok(None),
        Some(value) => value.as_string().map(Some).ok_or(wrong.to_owned()),
    };
    let linker = js::option(options, "linker")?.unwrap_or_default();
    let parsed = CreateUserOptions {
        auth_code: field("authCode", "authCode must be a string.")?.map(Secret::new),
        app_id: field("appId", "appId must be a string.")?,
        app_secret: field("appSecret", "appSecret must be a string.")?.map(Secret::new),
        linker: linking::kind_of(&linker),
        platform_url: field("platformUrl", "platformUrl must be a string.")?,
    };
    Ok((parsed, linker))
}

impl Given {
    fn parse(options: &JsValue) -> Result<Given, String> {
        if options.is_null() || options.is_undefined() {
            return Ok(Given::default());
        }
        js::expect_record("The options", options)?;
        let given = |name| js::option(options, name);
        Ok(Given {
            platform_url: match given("platformUrl")?.filter(|value| !value.is_null()) {
                Some(value) => Some(js::text(&value).ok_or("platformUrl must be a string.")?),
                None => None,
            },
            storage: given("storage")?
                .map(|value| Choice::parse(&value))
                .transpose()?
                .map(|choice| (0, choice)),
            fetch: match given("fetch")? {
                Some(value) => Some(value.dyn_into().map_err(|_| "fetch must be a function.")?),
                None => None,
            },
            device_info: given("deviceInfo")?.map(|value| DeviceOverrides::parse(&value)).transpose()?,
            logger: match given("logger")? {
                Some(value) if value.is_object() || value.is_null() => Some(value),
                Some(_) => return Err("logger must be an object such as console, or null.".into()),
                None => None,
            },
            timeouts: given("timeouts")?.map(|value| parse_timeouts(&value)).transpose()?,
            location_allowed: match given("locationAllowed")? {
                Some(value) => Some(value.as_bool().ok_or("locationAllowed must be true or false.")?),
                None => None,
            },
        })
    }

    /// These options where they say something, else those.
    fn or(self, others: Given) -> Given {
        Given {
            platform_url: self.platform_url.or(others.platform_url),
            storage: self.storage.or(others.storage),
            fetch: self.fetch.or(others.fetch),
            device_info: self.device_info.or(others.device_info),
            logger: self.logger.or(others.logger),
            timeouts: self.timeouts.or(others.timeouts),
            location_allowed: None,
        }
    }
}

fn parse_timeouts(value: &JsValue) -> Result<Timeouts, String> {
    js::expect_record("timeouts", value)?;
    let field = |name| match js::option(value, name)? {
        None => Ok(None),
        Some(value) => value
            .as_f64()
            .filter(|ms| *ms >= 1.0 && *ms <= LONGEST_TIMEOUT_MS)
            .map(Some)
            .ok_or("timeouts must be numbers of milliseconds, from 1 to 600000.".to_owned()),
    };
    let mut timeouts = Timeouts::default();
    if let Some(request) = field("requestMs")? {
        timeouts.request = request;
    }
    if let Some(call) = field("callMs")? {
        (timeouts.creation, timeouts.token, timeouts.reset) = (call, call, call);
    }
    Ok(timeouts)
}

impl Options {
    pub(super) fn fetch(&self) -> Option<Function> {
        let own = self.in_force.borrow().fetch.clone();
        own.or_else(|| js::method(&js::global(), "fetch"))
    }

    pub(super) fn has_own_fetch(&self) -> bool {
        self.in_force.borrow().fetch.is_some()
    }

    pub(super) fn logger(&self) -> JsValue {
        let own = self.in_force.borrow().logger.clone();
        own.unwrap_or_else(|| js::global_at(&["console"]))
    }

    /// How long `createUser` may take, in milliseconds.
    pub(super) fn creation_timeout(&self) -> f64 {
        self.in_force.borrow().timeouts.unwrap_or_default().creation
    }

    pub(super) fn device_info(&self) -> DeviceOverrides {
        self.in_force.borrow().device_info.clone().unwrap_or_default()
    }

    /// The call is settled: what it did not apply is void.
    pub(super) fn forget(&self, call: CallId) {
        self.waiting.remove(&call);
        self.replaced.remove(&call);
    }
}

impl Driver {
    pub(super) fn apply_options(&'static self, call: CallId) {
        let Some(given) = self.options.waiting.remove(&call) else { return };
        if let Some((number, choice)) = &given.storage {
            self.storage.choose(choice.clone());
            self.options.storage_in_use.set(*number);
        }
        if let Some(allowed) = given.location_allowed {
            // Heard once, not kept: what happens afterwards counts for more.
            self.note_access(allowed.then_some(true));
        }
        let before = self.options.in_force.take();
        self.options.replaced.insert(call, before.clone());
        *self.options.in_force.borrow_mut() = given.or(before);
    }

    /// Puts back what the options of this call replaced, but for the storage.
    pub(super) fn withdraw_options(&self, call: CallId) {
        if let Some(before) = self.options.replaced.remove(&call) {
            *self.options.in_force.borrow_mut() = before;
        }
    }

    /// The number of a storage: the same for the same one, as long as it is in use or a call that named it waits.
    fn number_of_storage(&self, choice: &Choice) -> u32 {
        let options = &self.options;
        if !self.storage.differs_from(choice) {
            return options.storage_in_use.get();
        }
        let number_in = |given: &Given| {
            given.storage.as_ref().filter(|(_, other)| other == choice).map(|(number, _)| *number)
        };
        let known = options.waiting.keys_where(|given| number_in(given).is_some());
        known.first().and_then(|call| options.waiting.with(call, number_in)?).unwrap_or_else(|| {
            options.last_storage.set(options.last_storage.get() + 1);
            options.last_storage.get()
        })
    }
}
