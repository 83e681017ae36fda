//! The Sentiance core SDK: creates a Sentiance user on a device, without native code.
//!
//! This file is the table of contents of the product: every function that JavaScript sees, and no logic. What a
//! function means is said in `js/sentiance-core.ts`; what it does, in [`core`]. Every function of the API returns a
//! promise and never throws.

pub mod core;
mod driver;

use crate::core::{Call, Measure, Quota, Topic};
use js_sys::Promise;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

/// Half the size of the standard library's, and made for memories as small as this one.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

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
    driver::add_listener(Topic::Status, listener)
}

/// Calls `listener` with what the user is doing: at once, and whenever that changes.
#[wasm_bindgen(js_name = addSdkUserActivityUpdateListener, unchecked_return_type = "Promise<EmitterSubscription>")]
pub fn add_sdk_user_activity_update_listener(
    #[wasm_bindgen(unchecked_param_type = "(activity: UserActivity) => void")] listener: JsValue,
) -> Promise {
    driver::add_listener(Topic::Activity, listener)
}

/// Calls `listener` when a trip ends since the app did not stop it in time.
#[wasm_bindgen(js_name = addTripTimeoutListener, unchecked_return_type = "Promise<EmitterSubscription>")]
pub fn add_trip_timeout_listener(
    #[wasm_bindgen(unchecked_param_type = "() => void")] listener: JsValue,
) -> Promise {
    driver::add_listener(Topic::TripTimeout, listener)
}

/// Removes the user from this device.
#[wasm_bindgen(unchecked_return_type = "Promise<ResetResult>")]
pub fn reset() -> Promise {
    driver::call(Call::Reset)
}

/// Links the unlinked user of this device to one of the app's, through the app's backend.
#[wasm_bindgen(js_name = linkUser, unchecked_return_type = "Promise<UserLinkingResult>")]
pub fn link_user(#[wasm_bindgen(unchecked_param_type = "AnyLinker")] linker: JsValue) -> Promise {
    driver::link_user(linker)
}

/// Links the unlinked user of this device to one of the app's, by an authentication code.
#[wasm_bindgen(js_name = linkUserWithAuthCode, unchecked_return_type = "Promise<UserLinkingResult>")]
pub fn link_user_with_auth_code(
    #[wasm_bindgen(js_name = authCode, unchecked_param_type = "string")] auth_code: &JsValue,
) -> Promise {
    driver::link_user_with_auth_code(auth_code)
}

/// Wants detections, for as long as the app does not say otherwise.
#[wasm_bindgen(js_name = enableDetections, unchecked_return_type = "Promise<EnableDetectionsResult>")]
pub fn enable_detections() -> Promise {
    driver::call(Call::EnableDetections(None))
}

/// Wants detections until a time, in milliseconds since the Unix epoch; `null` is for ever.
#[wasm_bindgen(
    js_name = enableDetectionsWithExpiryDate,
    unchecked_return_type = "Promise<EnableDetectionsResult>"
)]
pub fn enable_detections_with_expiry_date(
    #[wasm_bindgen(js_name = expiryEpochTimeMs, unchecked_param_type = "number | null")] time: &JsValue,
) -> Promise {
    driver::enable_detections_until(time)
}

/// Wants detections no more.
#[wasm_bindgen(js_name = disableDetections, unchecked_return_type = "Promise<DisableDetectionsResult>")]
pub fn disable_detections() -> Promise {
    driver::call(Call::DisableDetections)
}

/// Sends what was recorded, now.
#[wasm_bindgen(js_name = submitDetections, unchecked_return_type = "Promise<void>")]
pub fn submit_detections() -> Promise {
    driver::call(Call::SubmitDetections)
}

/// What the user is doing.
#[wasm_bindgen(js_name = getUserActivity, unchecked_return_type = "Promise<UserActivity>")]
pub fn get_user_activity() -> Promise {
    driver::call(Call::GetUserActivity)
}

/// Does nothing: adding a listener is enough.
#[wasm_bindgen(js_name = listenUserActivityUpdates, unchecked_return_type = "Promise<void>")]
pub fn listen_user_activity_updates() -> Promise {
    driver::call(Call::Nothing)
}

/// Starts a trip.
#[wasm_bindgen(js_name = startTrip, unchecked_return_type = "Promise<void>")]
pub fn start_trip(
    #[wasm_bindgen(unchecked_param_type = "MetadataObject | null")] metadata: &JsValue,
    #[wasm_bindgen(unchecked_param_type = "number")] hint: &JsValue,
) -> Promise {
    driver::start_trip(metadata, hint)
}

/// Ends the trip.
#[wasm_bindgen(js_name = stopTrip, unchecked_return_type = "Promise<void>")]
pub fn stop_trip() -> Promise {
    driver::call(Call::StopTrip)
}

/// Whether a trip of that type is under way.
#[wasm_bindgen(js_name = isTripOngoing, unchecked_return_type = "Promise<boolean>")]
pub fn is_trip_ongoing(
    #[wasm_bindgen(js_name = type, unchecked_param_type = "TripType | \"ANY\" | \"sdk\" | \"external\"")]
    trip_type: &JsValue,
) -> Promise {
    driver::is_trip_ongoing(trip_type)
}

/// Says something of the trip; `false` where there is none.
#[wasm_bindgen(js_name = addTripMetadata, unchecked_return_type = "Promise<boolean>")]
pub fn add_trip_metadata(
    #[wasm_bindgen(unchecked_param_type = "MetadataObject")] metadata: &JsValue,
) -> Promise {
    driver::add_trip_metadata(metadata)
}

/// Does nothing: adding a listener is enough.
#[wasm_bindgen(js_name = listenTripTimeout, unchecked_return_type = "Promise<void>")]
pub fn listen_trip_timeout() -> Promise {
    driver::call(Call::Nothing)
}

/// Sets one entry of the user's metadata.
#[wasm_bindgen(js_name = addUserMetadataField, unchecked_return_type = "Promise<void>")]
pub fn add_user_metadata_field(
    #[wasm_bindgen(unchecked_param_type = "string")] label: &JsValue,
    #[wasm_bindgen(unchecked_param_type = "string")] value: &JsValue,
) -> Promise {
    driver::add_user_metadata_field(label, value)
}

/// Sets several entries of the user's metadata.
#[wasm_bindgen(js_name = addUserMetadataFields, unchecked_return_type = "Promise<void>")]
pub fn add_user_metadata_fields(
    #[wasm_bindgen(unchecked_param_type = "MetadataObject")] metadata: &JsValue,
) -> Promise {
    driver::add_user_metadata_fields(metadata)
}

/// Removes one entry of the user's metadata.
#[wasm_bindgen(js_name = removeUserMetadataField, unchecked_return_type = "Promise<void>")]
pub fn remove_user_metadata_field(
    #[wasm_bindgen(unchecked_param_type = "string")] label: &JsValue,
) -> Promise {
    driver::remove_user_metadata_field(label)
}

/// How much may be transferred over Wi-Fi in 30 days, in bytes.
#[wasm_bindgen(js_name = getWiFiQuotaLimit, unchecked_return_type = "Promise<string>")]
pub fn get_wifi_quota_limit() -> Promise {
    driver::call(Call::GetQuota(Quota::WiFi, Measure::Limit))
}

/// How much was, in bytes.
#[wasm_bindgen(js_name = getWiFiQuotaUsage, unchecked_return_type = "Promise<string>")]
pub fn get_wifi_quota_usage() -> Promise {
    driver::call(Call::GetQuota(Quota::WiFi, Measure::Usage))
}

/// How much may be transferred over mobile networks in 30 days, in bytes.
#[wasm_bindgen(js_name = getMobileQuotaLimit, unchecked_return_type = "Promise<string>")]
pub fn get_mobile_quota_limit() -> Promise {
    driver::call(Call::GetQuota(Quota::Mobile, Measure::Limit))
}

/// How much was, in bytes.
#[wasm_bindgen(js_name = getMobileQuotaUsage, unchecked_return_type = "Promise<string>")]
pub fn get_mobile_quota_usage() -> Promise {
    driver::call(Call::GetQuota(Quota::Mobile, Measure::Usage))
}

/// How much may be stored, in bytes.
#[wasm_bindgen(js_name = getDiskQuotaLimit, unchecked_return_type = "Promise<string>")]
pub fn get_disk_quota_limit() -> Promise {
    driver::call(Call::GetQuota(Quota::Disk, Measure::Limit))
}

/// How much is, in bytes.
#[wasm_bindgen(js_name = getDiskQuotaUsage, unchecked_return_type = "Promise<string>")]
pub fn get_disk_quota_usage() -> Promise {
    driver::call(Call::GetQuota(Quota::Disk, Measure::Usage))
}

/// Chooses which data may be sent.
#[wasm_bindgen(js_name = setTransmittableDataTypes, unchecked_return_type = "Promise<void>")]
pub fn set_transmittable_data_types(
    #[wasm_bindgen(unchecked_param_type = "TransmittableDataType[]")] types: &JsValue,
) -> Promise {
    driver::set_transmittable_data_types(types)
}

/// Which data may be sent.
#[wasm_bindgen(
    js_name = getTransmittableDataTypes,
    unchecked_return_type = "Promise<TransmittableDataType[]>"
)]
pub fn get_transmittable_data_types() -> Promise {
    driver::call(Call::GetTransmittableDataTypes)
}

/// Chooses whether mobile networks may be used.
#[wasm_bindgen(js_name = setIsAllowedToUseMobileData, unchecked_return_type = "Promise<void>")]
pub fn set_is_allowed_to_use_mobile_data(
    #[wasm_bindgen(unchecked_param_type = "boolean")] allowed: &JsValue,
) -> Promise {
    driver::set_mobile_data(allowed)
}

/// Whether mobile networks may be used.
#[wasm_bindgen(js_name = isAllowedToUseMobileData, unchecked_return_type = "Promise<boolean>")]
pub fn is_allowed_to_use_mobile_data() -> Promise {
    driver::call(Call::IsAllowedToUseMobileData)
}

/// Chooses whether data may be collected while the app is in use.
#[wasm_bindgen(js_name = setAppSessionDataCollectionEnabled, unchecked_return_type = "Promise<void>")]
pub fn set_app_session_data_collection_enabled(
    #[wasm_bindgen(unchecked_param_type = "boolean")] enabled: &JsValue,
) -> Promise {
    driver::set_app_session_data_collection(enabled)
}

/// Whether data may be collected while the app is in use.
#[wasm_bindgen(js_name = isAppSessionDataCollectionEnabled, unchecked_return_type = "Promise<boolean>")]
pub fn is_app_session_data_collection_enabled() -> Promise {
    driver::call(Call::IsAppSessionDataCollectionEnabled)
}

/// Does nothing: the web has no such notification.
#[wasm_bindgen(js_name = updateSdkNotification, unchecked_return_type = "Promise<void>")]
pub fn update_sdk_notification() -> Promise {
    driver::call(Call::Nothing)
}

/// Does nothing: the web has no battery optimization.
#[wasm_bindgen(js_name = disableBatteryOptimization, unchecked_return_type = "Promise<void>")]
pub fn disable_battery_optimization() -> Promise {
    driver::call(Call::Nothing)
}

/// For whoever loads this module: when this instance must not be used any more, the functions in `giveBack` are to be
/// called, and with that go the locks that it holds.
#[wasm_bindgen(js_name = endWith)]
pub fn end_with(
    #[wasm_bindgen(js_name = giveBack, unchecked_param_type = "Set<() => void>")] give_back: js_sys::Set,
) {
    driver::end_with(give_back);
}

/// Stops in the middle, so that a test can see what becomes of it: by a panic, by one that JavaScript swallows, or out of
/// stack, or of memory.
#[cfg(feature = "fault-injection")]
#[wasm_bindgen(js_name = breakForTest)]
pub fn break_for_test(how: &str) {
    use wasm_bindgen::{JsCast, prelude::Closure};
    #[expect(unconditional_recursion, reason = "the stack shall not be enough")]
    fn descend(depth: u32) -> u32 {
        std::hint::black_box(descend(std::hint::black_box(depth) + 1)) + 1
    }
    fn stop() {
        panic!("on purpose");
    }
    match how {
        "stack" => {
            descend(0);
        }
        "swallowed panic" => {
            let broken = Closure::once_into_js(stop);
            let _ = broken.unchecked_into::<js_sys::Function>().call0(&JsValue::UNDEFINED);
        }
        "memory" => loop {
            std::mem::forget(std::hint::black_box(Vec::<u8>::with_capacity(1 << 24)));
        },
        _ => stop(),
    }
}
