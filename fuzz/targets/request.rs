//! One request to the platform: any method, path, query, headers and body. Whatever it is, the answer is one of ours.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use sentiance_fuzz::platform::{LISTED_ORIGIN, LONGEST_ANSWER, World};
use sentiance_platform::http::endpoints::{Audience, ENDPOINTS};
use sentiance_protocol::{ErrorBody, ErrorCode};
use std::cell::RefCell;

/// No error answer says more.
const LONGEST_ERROR: usize = 1_024;

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

fuzz_target!(|text: &[u8]| -> Corpus {
    WORLD.with_borrow_mut(|world| {
        let Some((request, answer)) = world.answer(text) else { return Corpus::Reject };
        let header = |name: &str| answer.headers.get(name).map(|value| value.as_bytes());

        let text = || String::from_utf8_lossy(&answer.body);
        assert!(answer.status < 500, "the platform failed: {} {}", answer.status, text());
        assert!(answer.body.len() <= LONGEST_ANSWER, "an answer without an end");
        assert_eq!(header("cache-control"), Some(&b"no-store"[..]));
        if answer.status >= 400 && request.method() != "HEAD" {
            let error: ErrorBody = serde_json::from_slice(&answer.body).expect("an error in its one shape");
            let code = ErrorCode::ALL.iter().find(|code| code.as_str() == error.error_code);
            assert_eq!(code.expect("a code that is documented").status(), answer.status);
            assert!(answer.body.len() <= LONGEST_ERROR, "an error that repeats what was sent");
        }

        let shared = answer.headers.keys().any(|name| name.as_str().starts_with("access-control-"));
        let origins: Vec<_> = request.headers().get_all("origin").iter().collect();
        assert!(!shared || origins == [LISTED_ORIGIN], "shared with a page that no application lists");
        let is_for_servers = ENDPOINTS.iter().any(|endpoint| {
            endpoint.audience == Audience::Servers && matches(endpoint.path, request.uri().path())
        });
        assert!(!(is_for_servers && (shared || (!origins.is_empty() && answer.status < 400))));
        Corpus::Keep
    })
});

fn matches(pattern: &str, path: &str) -> bool {
    pattern.split('/').count() == path.split('/').count()
        && pattern.split('/').zip(path.split('/')).all(|(part, given)| part.starts_with('{') || part == given)
}
