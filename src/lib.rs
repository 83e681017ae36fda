//! The Sentiance core SDK: creates a Sentiance user on a device, without native code.
//!
//! This file is the table of contents of the product: every function that JavaScript sees, and no logic. What a
//! function means is said in `js/sentiance-core.ts`; what it does, in [`core`]. Every function of the API returns a
//! promise and never throws.

pub mod core;
mod driver;

use crate::core::Call;
use js_sys::Promise;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.d.ts");

/// Takes options, and reads what is stored. Not needed: the first call does the same with the defaults.
#[wasm_bindgen(unchecked_return_type = "Promise<void>")]
pub fn initialize(
    #[wasm_bindgen(unchecked_optional_param_type = "InitializeOptions")] options: &JsValue,
) -> Promise {
    driver::initialize(options)
}

/// Resolves when what is stored has been read. Needs no network.
#[wasm_bindgen(js_name = ensureInitialized, unchecked_return_type = "Promise<void>")]
pub fn ensure_initialized() -> Promise {
    driver::call(Call::EnsureInitialized)
}

/// Where the SDK's life cycle stands.
#[wasm_bindgen(js_name = getInitState, unchecked_return_type = "Promise<SdkInitState>")]
pub fn get_init_state() -> Promise {
    driver::call(Call::GetInitState)
}

/// The version of the SDK.
#[wasm_bindgen(js_name = getVersion, unchecked_return_type = "Promise<string>")]
pub fn get_version() -> Promise {
    driver::version()
}

/// Whether there is a user on this device.
#[wasm_bindgen(js_name = userExists, unchecked_return_type = "Promise<boolean>")]
pub fn user_exists() -> Promise {
    driver::call(Call::UserExists)
}

/// Whether the user of this device is linked to one of the app's.
#[wasm_bindgen(js_name = isUserLinked, unchecked_return_type = "Promise<boolean>")]
pub fn is_user_linked() -> Promise {
    driver::call(Call::IsUserLinked)
}

/// The Sentiance id of the user of this device, or `null`.
#[wasm_bindgen(js_name = getUserId, unchecked_return_type = "Promise<string | null>")]
pub fn get_user_id() -> Promise {
    driver::call(Call::GetUserId)
}

/// Creates the user of an authentication code on this device, or restores it.
#[wasm_bindgen(js_name = createUser, unchecked_return_type = "Promise<CreateUserResult>")]
pub fn create_user(
    #[wasm_bindgen(unchecked_param_type = "string | UserCreationOptions")] options: &JsValue,
) -> Promise {
    driver::create_user(options)
}

/// A token with which the app may ask the platform about its user; refreshed where it is about to expire.
#[wasm_bindgen(js_name = requestUserAccessToken, unchecked_return_type = "Promise<UserAccessToken>")]
pub fn request_user_access_token() -> Promise {
    driver::call(Call::RequestUserAccessToken)
}

/// What the SDK can do at this moment, and what keeps it from more.
#[wasm_bindgen(js_name = getSdkStatus, unchecked_return_type = "Promise<SdkStatus>")]
pub fn get_sdk_status() -> Promise {
    driver::call(Call::GetSdkStatus)
}

/// Calls `listener` whenever the status changes.
#[wasm_bindgen(js_name = addSdkStatusUpdateListener, unchecked_return_type = "Promise<EmitterSubscription>")]
pub fn add_sdk_status_update_listener(
    #[wasm_bindgen(unchecked_param_type = "(status: SdkStatus) => void")] listener: JsValue,
) -> Promise {
    driver::add_status_listener(listener)
}

/// Removes the user from this device.
#[wasm_bindgen(unchecked_return_type = "Promise<ResetResult>")]
pub fn reset() -> Promise {
    driver::call(Call::Reset)
}

/// For whoever loads this module: `ended` resolves when this instance must not be used any more, and with it go the
/// locks that it holds.
#[wasm_bindgen(js_name = endWith)]
pub fn end_with(#[wasm_bindgen(unchecked_param_type = "Promise<void>")] ended: Promise) {
    driver::end_with(ended);
}

/// Panics, so that a test can see what becomes of it.
#[cfg(feature = "fault-injection")]
#[wasm_bindgen(js_name = panicForTest)]
pub fn panic_for_test() {
    panic!("on purpose");
}
