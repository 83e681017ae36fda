//! What the calls resolve with, as JavaScript sees it.

use super::js;
use crate::core::{DataType, Fix, InitState, Output, SdkStatus, StatusValue, UserActivity};
use js_sys::Date;
use sentiance_protocol::EpochMs;
use wasm_bindgen::JsValue;

impl Output {
    pub(super) fn into_js(self) -> JsValue {
        match self {
            Output::Nothing => JsValue::UNDEFINED,
            Output::Bool(value) => value.into(),
            Output::UserId(Some(id)) => id.into(),
            Output::UserId(None) => JsValue::NULL,
            Output::InitState(state) => state.as_str().into(),
            Output::Reset(state) => js::object(&[("initState", InitState::as_str(state).into())]).into(),
            Output::User(user) => {
                let info = js::object(&[
                    ("userId", user.user_id.into()),
                    ("tokenId", user.token.expose().into()),
                    ("tokenExpiryDate", date(user.token_expiry)),
                    ("tokenExpiryEpochTimeMs", user.token_expiry.0.into()),
                    ("isTokenExpired", user.is_token_expired.into()),
                ]);
                js::object(&[("userInfo", info.into())]).into()
            }
            Output::Token(token) => js::object(&[
                ("tokenId", token.token.expose().into()),
                ("expiryDate", date(token.expiry)),
                ("expiryEpochTimeMs", token.expiry.0.into()),
            ])
            .into(),
            Output::Status(status) => status_to_js(&status),
            Output::Detections(status) => js::object(&[
                ("sdkStatus", status_to_js(&status)),
                ("detectionStatus", status.detection_status.into()),
            ])
            .into(),
            Output::Done => js::object(&[]).into(),
            Output::Bytes(bytes) => js::stringified(&bytes.into()).into(),
            Output::DataTypes(types) => {
                let chosen = DataType::NAMES.iter().filter(|(_, data_type)| types & *data_type as u32 != 0);
                chosen.map(|(name, _)| JsValue::from(*name)).collect::<js_sys::Array>().into()
            }
            Output::Activity(activity) => activity_to_js(&activity),
        }
    }
}

/// A fresh object each time: what one listener does to it, the next does not see.
pub(super) fn status_to_js(status: &SdkStatus) -> JsValue {
    let object = js_sys::Object::new();
    for (name, value) in status.fields() {
        match value {
            StatusValue::Flag(flag) => js::set(&object, name, flag),
            StatusValue::Text(text) => js::set(&object, name, text),
        }
    }
    object.into()
}

/// A fresh object each time, too.
pub(super) fn activity_to_js(activity: &UserActivity) -> JsValue {
    let (name, detail) = match activity {
        UserActivity::Trip => {
            let trip = js::object(&[("type", "TRIP_TYPE_EXTERNAL".into())]);
            ("USER_ACTIVITY_TYPE_TRIP", Some(("tripInfo", trip)))
        }
        UserActivity::Stationary(Fix { position, time }) => {
            let location = js::object(&[
                ("timestamp", time.0.into()),
                ("latitude", position.latitude.into()),
                ("longitude", position.longitude.into()),
                ("accuracy", position.accuracy.into()),
            ]);
            if let Some(altitude) = position.altitude {
                js::set(&location, "altitude", altitude);
            }
            let stationary = js::object(&[("location", location.into())]);
            ("USER_ACTIVITY_TYPE_STATIONARY", Some(("stationaryInfo", stationary)))
        }
        UserActivity::Unknown => ("USER_ACTIVITY_TYPE_UNKNOWN", None),
    };
    let object = js::object(&[("type", name.into())]);
    if let Some((key, value)) = detail {
        js::set(&object, key, value);
    }
    object.into()
}

/// `YYYY-MM-DDTHH:mm:ss.sssZ`, the one form of a date that every engine must be able to parse.
fn date(time: EpochMs) -> JsValue {
    // A time outside what a date can hold would throw.
    let ms = time.0.clamp(-8.64e15, 8.64e15);
    Date::new(&ms.into()).to_iso_string().into()
}
