//! What the SDK says of app, device and itself when it sends a code. This is all that is collected; the README
//! lists it.

use super::js;
use super::page;
use crate::core::Identity;
use sentiance_protocol::{AppInfo, DeviceClass, DeviceClassSource, DeviceInfo, INFO_TEXT_MAX_CHARS, SdkInfo};
use wasm_bindgen::JsValue;

/// What the app knows better: the option `deviceInfo`.
#[derive(Clone, Default)]
pub(super) struct DeviceOverrides {
    class: Option<DeviceClass>,
    os: Option<String>,
    os_version: Option<String>,
    model: Option<String>,
    language: Option<String>,
    time_zone: Option<String>,
    app_name: Option<String>,
    app_version: Option<String>,
}

impl DeviceOverrides {
    pub(super) fn parse(value: &JsValue) -> Result<DeviceOverrides, String> {
        js::expect_record("deviceInfo", value)?;
        let field = |name| js::option(value, name).map(|value| js::text(&value.unwrap_or_default()));
        let class = match field("class")?.as_deref() {
            None => None,
            Some("phone") => Some(DeviceClass::Phone),
            Some("tablet") => Some(DeviceClass::Tablet),
            Some("desktop") => Some(DeviceClass::Desktop),
            Some(_) => return Err("deviceInfo.class must be \"phone\", \"tablet\" or \"desktop\".".into()),
        };
        Ok(DeviceOverrides {
            class,
            os: field("os")?,
            os_version: field("osVersion")?,
            model: field("model")?,
            language: field("language")?,
            time_zone: field("timeZone")?,
            app_name: field("appName")?,
            app_version: field("appVersion")?,
        })
    }
}

/// What the runtime tells of the device.
struct Found {
    class: DeviceClass,
    source: DeviceClassSource,
    os: Option<String>,
    os_version: Option<String>,
    model: Option<String>,
}

/// Reads the runtime, with the app's word before its.
pub(super) fn read(overrides: &DeviceOverrides) -> Identity {
    let (runtime, found) = if js::global_text(&["navigator", "product"]).as_deref() == Some("ReactNative") {
        ("react-native", react_native())
    } else if page::is_page() {
        ("browser", browser())
    } else if js::global_text(&["process", "versions", "node"]).is_some() {
        ("node", host(js::global_text(&["process", "platform"])))
    } else if js::global_at(&["HermesInternal"]).is_object() {
        ("react-native", react_native())
    } else {
        ("other", host(None))
    };
    // Once for both: making it takes longer than all else that is read here.
    let format = format_options();
    Identity {
        app: AppInfo {
            name: first(&overrides.app_name, None),
            version: first(&overrides.app_version, None),
            origin: first(&None, js::global_text(&["location", "origin"]).filter(|origin| origin != "null")),
        },
        device: DeviceInfo {
            class: overrides.class.unwrap_or(found.class),
            class_source: if overrides.class.is_some() { DeviceClassSource::Override } else { found.source },
            os: first(&overrides.os, found.os),
            os_version: first(&overrides.os_version, found.os_version),
            model: first(&overrides.model, found.model),
            language: first(
                &overrides.language,
                js::global_text(&["navigator", "language"]).or_else(|| js::text(&js::get(&format, "locale"))),
            ),
            time_zone: first(&overrides.time_zone, js::text(&js::get(&format, "timeZone"))),
        },
        sdk: SdkInfo { version: env!("CARGO_PKG_VERSION").to_owned(), runtime: runtime.to_owned() },
    }
}

/// The app's word, else what was found; no longer than the platform takes.
fn first(own: &Option<String>, found: Option<String>) -> Option<String> {
    let text = own.clone().or(found)?;
    Some(text.chars().take(INFO_TEXT_MAX_CHARS).collect())
}

/// How the runtime writes dates, which tells its language and time zone.
fn format_options() -> JsValue {
    let invoke =
        |target: &JsValue, name| js::invoke(target, name, &[]).and_then(Result::ok).unwrap_or_default();
    invoke(&invoke(&js::global_at(&["Intl"]), "DateTimeFormat"), "resolvedOptions")
}

fn host(os: Option<String>) -> Found {
    let os = os.map(|os| match os.as_str() {
        "darwin" => "macos".to_owned(),
        "win32" => "windows".to_owned(),
        _ => os,
    });
    Found {
        class: DeviceClass::Desktop,
        source: DeviceClassSource::Runtime,
        os,
        os_version: None,
        model: None,
    }
}

fn browser() -> Found {
    let agent = js::global_text(&["navigator", "userAgent"]).unwrap_or_default();
    let hints = js::global_at(&["navigator", "userAgentData"]);
    let touch_points = js::global_at(&["navigator", "maxTouchPoints"]).as_f64().unwrap_or(0.0);
    let mut found = from_user_agent(&agent, touch_points);
    // An iPad has no client hints and says Macintosh; whatever says iPad is one.
    if let Some(mobile) = js::get(&hints, "mobile").as_bool()
        && found.class != DeviceClass::Tablet
    {
        let platform = js::text(&js::get(&hints, "platform")).unwrap_or_default();
        found.source = DeviceClassSource::ClientHints;
        found.class = match (mobile, platform == "Android") {
            (true, _) => DeviceClass::Phone,
            (false, true) => DeviceClass::Tablet,
            (false, false) => DeviceClass::Desktop,
        };
    }
    found
}

/// Reads a browser's user agent. An iPad that asks for desktop pages is a Macintosh that can be touched.
fn from_user_agent(agent: &str, touch_points: f64) -> Found {
    let has = |word: &str| find(agent, word).is_some();
    let (class, os) = if has("iPad") || (has("Macintosh") && touch_points > 1.0) {
        (DeviceClass::Tablet, "ios")
    } else if has("iPhone") || has("iPod") {
        (DeviceClass::Phone, "ios")
    } else if has("Android") {
        (if has("Mobile") { DeviceClass::Phone } else { DeviceClass::Tablet }, "android")
    } else if has("Windows") {
        (DeviceClass::Desktop, "windows")
    } else if has("Macintosh") {
        (DeviceClass::Desktop, "macos")
    } else if has("CrOS") {
        (DeviceClass::Desktop, "chromeos")
    } else if has("Linux") {
        (DeviceClass::Desktop, "linux")
    } else {
        (DeviceClass::Desktop, "")
    };
    let version = match os {
        // A Macintosh says "Mac OS X".
        "ios" => between(agent, " OS ", " ")
            .filter(|text| text.starts_with(|c: char| c.is_ascii_digit()))
            .map(|text| text.chars().map(|c| if c == '_' { '.' } else { c }).collect()),
        "android" => between(agent, "Android ", ";").or_else(|| between(agent, "Android ", ")")),
        _ => None,
    };
    // Chrome says K for every model since it reduced the user agent.
    let model = between(agent, "Android ", ")").and_then(|details| {
        let model = &details[find(&details, ";")? + 1..];
        let end = find(model, " Build/").or_else(|| find(model, ";")).unwrap_or(model.len());
        Some(model[..end].trim_ascii().to_owned())
    });
    Found {
        class,
        source: DeviceClassSource::UserAgent,
        os: Some(os.to_owned()).filter(|os| !os.is_empty()),
        os_version: version,
        model: model.filter(|model| !model.is_empty() && model != "K"),
    }
}

/// What stands between `start` and the next `end`.
fn between(text: &str, start: &str, end: &str) -> Option<String> {
    let rest = &text[find(text, start)? + start.len()..];
    Some(rest[..find(rest, end)?].trim_ascii().to_owned())
}

/// Where `word` stands in `text`. The standard library's search is faster, which is not needed, and larger.
fn find(text: &str, word: &str) -> Option<usize> {
    text.as_bytes().windows(word.len()).position(|window| window == word.as_bytes())
}

/// React Native's own constants, without importing it: an app that has it has these, and an app that does not still
/// builds.
fn react_native() -> Found {
    let constants = |module| {
        let module = js::global_at(&["nativeModuleProxy", module]);
        js::invoke(&module, "getConstants", &[]).and_then(Result::ok).unwrap_or(module)
    };
    let platform = constants("PlatformConstants");
    let idiom = js::text(&js::get(&platform, "interfaceIdiom"));
    let release = js::text(&js::get(&platform, "Release"));
    let (class, source, os) = if let Some(idiom) = &idiom {
        let class = match idiom.as_str() {
            "pad" => DeviceClass::Tablet,
            "mac" => DeviceClass::Desktop,
            _ => DeviceClass::Phone,
        };
        (class, DeviceClassSource::ReactNative, Some("ios"))
    } else if release.is_some() {
        let screen = js::get(&js::get(&constants("DeviceInfo"), "Dimensions"), "screenPhysicalPixels");
        let size = |name| js::get(&screen, name).as_f64().unwrap_or(0.0);
        // Android's own line between a phone and a seven-inch tablet: 600 density-independent pixels.
        let shortest = size("width").min(size("height")) / size("scale").max(1.0);
        let class = if shortest >= 600.0 { DeviceClass::Tablet } else { DeviceClass::Phone };
        (class, DeviceClassSource::ReactNative, Some("android"))
    } else {
        (DeviceClass::Phone, DeviceClassSource::Runtime, None)
    };
    Found {
        class,
        source,
        os: os.map(str::to_owned),
        os_version: release.or_else(|| js::text(&js::get(&platform, "osVersion"))),
        model: js::text(&js::get(&platform, "Model")),
    }
}

#[cfg(test)]
mod tests {
    use super::from_user_agent;
    use sentiance_protocol::DeviceClass;

    #[test]
    fn a_user_agent_tells_phone_tablet_and_desktop_apart() {
        let cases = [
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
                5.0,
                (DeviceClass::Phone, Some("ios"), Some("17.4"), None),
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
                5.0,
                (DeviceClass::Tablet, Some("ios"), Some("12.2"), None),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15",
                5.0,
                (DeviceClass::Tablet, Some("ios"), None, None),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15",
                0.0,
                (DeviceClass::Desktop, Some("macos"), None, None),
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
                5.0,
                (DeviceClass::Phone, Some("android"), Some("14"), Some("Pixel 7")),
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
                5.0,
                (DeviceClass::Phone, Some("android"), Some("10"), None),
            ),
            (
                "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 Chrome/120.0 Safari/537.36",
                5.0,
                (DeviceClass::Tablet, Some("android"), Some("13"), Some("SM-X700")),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36",
                0.0,
                (DeviceClass::Desktop, Some("linux"), None, None),
            ),
        ];
        for (agent, touch_points, expected) in cases {
            let found = from_user_agent(agent, touch_points);
            let found =
                (found.class, found.os.as_deref(), found.os_version.as_deref(), found.model.as_deref());
            assert_eq!(found, expected, "{agent}");
        }
    }
}
