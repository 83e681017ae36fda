//! Ids, origins, scopes, cursors and addresses as text: what is accepted is in the one form that it is written in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sentiance_core::core::PlatformUrl;
use sentiance_platform::model::{
    AppId, DetectionCursor, DetectionId, ExternalId, InstallId, KeyId, Origin, Scope, UserId,
};

fuzz_target!(|text: &str| {
    let ids = [
        AppId::parse(text).map(|id| id.to_string()),
        UserId::parse(text).map(|id| id.to_string()),
        KeyId::parse(text).map(|id| id.to_string()),
        InstallId::parse(text).map(|id| id.to_string()),
        DetectionId::parse(text).map(|id| id.to_string()),
    ];
    for id in ids.into_iter().flatten() {
        assert_eq!(id, text);
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
    }
    if let Some(id) = ExternalId::parse(text.to_owned()) {
        assert_eq!(id.as_str(), text);
        assert!((1..=256).contains(&text.chars().count()) && !text.contains('\0'));
        assert_eq!(format!("{id:?}"), "[external id]");
    }
    if let Some(cursor) = DetectionCursor::parse(text) {
        assert_eq!(DetectionCursor::parse(&cursor.to_string()), Some(cursor));
    }
    if let Ok(scope) = text.parse::<Scope>() {
        assert_eq!(scope.as_str().parse::<Scope>().ok(), Some(scope));
    }
    if let Ok(origin) = text.parse::<Origin>() {
        assert_eq!(origin.as_str(), text);
        // No list, path, wild card, white space, control character or second spelling of the same origin.
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-._:[]/".contains(c);
        assert!(text.chars().all(allowed) && text.matches('/').count() == 2, "{text}");
        if origin.is_loopback() {
            let names = ["localhost", "127.0.0.1", "[::1]"];
            assert!(names.iter().any(|name| text.contains(name)), "{text}");
        }
    }
    if let Ok(url) = PlatformUrl::parse(text) {
        let url = url.as_str();
        assert!(url.len() <= 256 && url.is_ascii() && !url.contains(['?', '#', '@', '\\', ' ']), "{url}");
        let lower = url.to_ascii_lowercase();
        assert!(lower.starts_with("https://") || lower.starts_with("http://"), "{url}");
    }
});
