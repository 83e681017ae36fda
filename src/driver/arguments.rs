//! The functions that take arguments: what JavaScript passes becomes a [`Call`], or a refusal that says what would fit.

use super::errors;
use super::js;
use super::pump::call;
use crate::core::{Call, DataType, Preference, SdkError};
use js_sys::{Array, Promise, Reflect, TypeError};
use sentiance_protocol::{EpochMs, MetadataEntry, Secret};
use wasm_bindgen::{JsCast, JsValue};

/// The largest time that a date can have, in milliseconds.
const LATEST_MS: f64 = 8.64e15;

/// `linkUserWithAuthCode(code)`.
pub(crate) fn link_user_with_auth_code(code: &JsValue) -> Promise {
    call(match js::text(code) {
        Some(code) => Call::LinkUserWithAuthCode(Secret::new(code.trim_ascii())),
        None if is_absent(code) || *code == "" => {
            Call::Refuse(SdkError::missing("linkUserWithAuthCode needs an authentication code."))
        }
        None => Call::Refuse(SdkError::invalid("An authentication code is a string.")),
    })
}

/// `enableDetectionsWithExpiryDate(time)`.
pub(crate) fn enable_detections_until(time: &JsValue) -> Promise {
    call(match time.as_f64() {
        _ if is_absent(time) => Call::EnableDetections(None),
        Some(ms) if ms.abs() <= LATEST_MS => Call::EnableDetections(Some(EpochMs(ms))),
        _ => Call::Refuse(SdkError::invalid(
            "enableDetectionsWithExpiryDate needs a number of milliseconds since the Unix epoch, or null.",
        )),
    })
}

/// `startTrip(metadata, hint)`.
pub(crate) fn start_trip(metadata: &JsValue, hint: &JsValue) -> Promise {
    let entries = if is_absent(metadata) { Ok(Vec::new()) } else { entries_of(metadata) };
    // As in the original, what is no hint is none.
    let transport_mode = hint.as_f64().filter(|hint| (1.0..=11.0).contains(hint) && hint.trunc() == *hint);
    call(match entries {
        Ok(metadata) => Call::StartTrip { metadata, transport_mode: transport_mode.map(|hint| hint as u32) },
        Err(error) => Call::Refuse(error),
    })
}

/// `isTripOngoing(type)`.
pub(crate) fn is_trip_ongoing(trip_type: &JsValue) -> Promise {
    call(match js::text(trip_type).as_deref() {
        Some("TRIP_TYPE_EXTERNAL" | "ANY" | "external") => Call::IsTripOngoing { external: true },
        Some("TRIP_TYPE_SDK" | "sdk") => Call::IsTripOngoing { external: false },
        _ if is_absent(trip_type) || *trip_type == "" => Call::Refuse(SdkError::missing(
            "isTripOngoing needs a type: TRIP_TYPE_SDK, TRIP_TYPE_EXTERNAL or ANY.",
        )),
        _ => {
            Call::Refuse(SdkError::invalid("The type of a trip is TRIP_TYPE_SDK, TRIP_TYPE_EXTERNAL or ANY."))
        }
    })
}

/// `addTripMetadata(metadata)`.
pub(crate) fn add_trip_metadata(metadata: &JsValue) -> Promise {
    call(match entries_of(metadata) {
        Ok(entries) => Call::AddTripMetadata(entries),
        Err(error) => Call::Refuse(error),
    })
}

/// `addUserMetadataField(label, value)`.
pub(crate) fn add_user_metadata_field(label: &JsValue, value: &JsValue) -> Promise {
    call(match (plain_text(label), plain_text(value)) {
        (Some(key), Some(value)) => Call::ChangeMetadata(vec![MetadataEntry { key, value: Some(value) }]),
        _ if is_absent(label) || is_absent(value) => {
            Call::Refuse(SdkError::missing("addUserMetadataField needs a label and a value."))
        }
        _ => Call::Refuse(SdkError::invalid(NOT_TEXT)),
    })
}

/// `addUserMetadataFields(metadata)`.
pub(crate) fn add_user_metadata_fields(metadata: &JsValue) -> Promise {
    call(match entries_of(metadata) {
        Ok(entries) if entries.is_empty() => Call::Nothing,
        Ok(entries) => Call::ChangeMetadata(entries),
        Err(error) => Call::Refuse(error),
    })
}

/// `removeUserMetadataField(label)`.
pub(crate) fn remove_user_metadata_field(label: &JsValue) -> Promise {
    call(match plain_text(label) {
        Some(key) => Call::ChangeMetadata(vec![MetadataEntry { key, value: None }]),
        None if is_absent(label) => Call::Refuse(SdkError::missing("removeUserMetadataField needs a label.")),
        None => Call::Refuse(SdkError::invalid(NOT_TEXT)),
    })
}

/// `setTransmittableDataTypes(types)`. Checked before anything else, as in the original.
pub(crate) fn set_transmittable_data_types(types: &JsValue) -> Promise {
    let Some(types) = js::array(types) else {
        return Promise::reject(&TypeError::new("setTransmittableDataTypes needs an array of data types"));
    };
    let (mut chosen, wrong) = (0, Array::new());
    for name in types.iter() {
        let known = DataType::NAMES.iter().find(|(known, _)| name == *known);
        match known {
            Some((_, data_type)) => chosen |= *data_type as u32,
            None => drop(wrong.push(&name)),
        }
    }
    if wrong.length() == 0 {
        return call(Call::Choose(Preference::DataTypes(chosen)));
    }
    let wrong: String = js::invoke(&wrong, "join", &[])
        .and_then(Result::ok)
        .and_then(|joined| joined.as_string())
        .unwrap_or_default();
    let details = ["setTransmittableDataTypes does not know these data types: ", &wrong].concat();
    Promise::reject(&errors::to_js(&SdkError::invalid(details)))
}

/// `setIsAllowedToUseMobileData(allowed)`.
pub(crate) fn set_mobile_data(allowed: &JsValue) -> Promise {
    choose(allowed, Preference::MobileData)
}

/// `setAppSessionDataCollectionEnabled(enabled)`.
pub(crate) fn set_app_session_data_collection(enabled: &JsValue) -> Promise {
    choose(enabled, Preference::AppSession)
}

fn choose(value: &JsValue, preference: fn(bool) -> Preference) -> Promise {
    call(match value.as_bool() {
        Some(flag) => Call::Choose(preference(flag)),
        None => Call::Refuse(SdkError::invalid("The value must be true or false.")),
    })
}

const NOT_TEXT: &str = "The keys and values of metadata must be strings.";

fn is_absent(value: &JsValue) -> bool {
    value.is_null() || value.is_undefined()
}

/// A text, or what JavaScript makes of a number or a boolean. An empty text is one.
fn plain_text(value: &JsValue) -> Option<String> {
    match value.as_string() {
        Some(text) => Some(text),
        None if value.as_f64().is_some() || value.as_bool().is_some() => js::stringified(value),
        None => None,
    }
}

/// The entries of an object of strings. Applications pass `undefined` and `null` for what they don't know: left out.
fn entries_of(metadata: &JsValue) -> Result<Vec<MetadataEntry>, SdkError> {
    if is_absent(metadata) {
        return Err(SdkError::missing("This needs an object of strings."));
    }
    let mut entries = Vec::new();
    for key in keys_of(metadata)?.iter() {
        let Some(key) = key.as_string() else { continue };
        let value =
            js::read(metadata, &key).map_err(|_| SdkError::invalid("Metadata has a getter that throws."))?;
        if is_absent(&value) {
            continue;
        }
        match plain_text(&value) {
            Some(value) => entries.push(MetadataEntry { key, value: Some(value) }),
            None => return Err(SdkError::invalid(NOT_TEXT)),
        }
    }
    Ok(entries)
}

/// The own keys of an object. Where there is none, only a plain object says that it holds nothing: an instance of a class
/// may hold something out of reach, as the `Headers` of some runtimes do.
fn keys_of(object: &JsValue) -> Result<Array, SdkError> {
    let listed = js::invoke(&js::global_at(&["Object"]), "keys", &[object]).and_then(Result::ok);
    let keys = listed.filter(|_| js::is_record(object)).map(JsCast::unchecked_into::<Array>);
    keys.filter(|keys| keys.length() > 0 || is_plain(object)).ok_or_else(|| {
        let details = ["Metadata must be an object with keys of its own, not ", &js::kind(object), "."];
        SdkError::invalid(details.concat())
    })
}

/// Whether this is an object of no class: it has no prototype, or any realm's `Object.prototype`.
fn is_plain(object: &JsValue) -> bool {
    let prototype = |of: &JsValue| Reflect::get_prototype_of(of).map(JsValue::from);
    prototype(object).is_ok_and(|first| first.is_null() || prototype(&first).is_ok_and(|next| next.is_null()))
}
