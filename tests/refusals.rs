//! Every error of the platform at every endpoint that the SDK calls: what it means for the call, for the user and for what
//! is queued. The lists name every code, so that a new one can't be overlooked.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "world/identity.rs"]
mod identity;
#[path = "world/lone.rs"]
#[expect(dead_code, reason = "tests/retries.rs uses more of it")]
mod lone;
#[path = "world/split_mix.rs"]
mod split_mix;

use lone::{Action, Answer, Device, TOKEN_LIFE_MS, error};
use sentiance_core::core::{Body, Call, Output, Reason, Reply, Request, Response, SdkError, UserState};
use sentiance_protocol::{EpochMs, ErrorCode, MetadataEntry};

/// What an error means for an upload.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// The same request can succeed later.
    Retried,
    /// A newer token is needed.
    Token,
    /// The session can't act.
    Session,
    /// The request is refused for what it holds.
    Content,
    /// The request is refused whatever it holds.
    Sender,
}

fn kind(code: ErrorCode) -> Kind {
    use ErrorCode as E;
    match code {
        E::RequestTimeout
        | E::TooManyRequests
        | E::QuotaExceeded
        | E::InternalError
        | E::Unavailable
        | E::DatabaseUnavailable => Kind::Retried,
        E::TokenInvalid | E::TokenExpired => Kind::Token,
        E::SessionEnded | E::UserDisabledRemotely | E::UserDeleted => Kind::Session,
        E::MalformedRequest
        | E::InvalidExternalId
        | E::AuthenticationCodeInvalid
        | E::UserNotLinked
        | E::UserAlreadyLinked
        | E::MetadataLimitExceeded
        | E::TripTooLarge
        | E::InstallConflict
        | E::RefreshTokenUsed
        | E::PayloadTooLarge => Kind::Content,
        E::CredentialsMissing
        | E::ApiKeyMalformed
        | E::ApiKeyUnknown
        | E::ApiKeyRevoked
        | E::ApiKeyExpired
        | E::ApplicationCredentialsInvalid
        | E::InsufficientScope
        | E::UserTokenNotAccepted
        | E::ApiKeyNotAccepted
        | E::AccessDenied
        | E::BrowserNotAllowed
        | E::OriginNotAllowed
        | E::InstallDoesNotBelongToApp
        | E::InstallDisabled
        | E::InstallDeleted
        | E::InstallDeactivated
        | E::CannotLinkExistingPerson
        | E::InstallLinkedToOtherUser
        | E::MultipleInstallsActive
        | E::UserLinkingNotConfigured
        | E::InstallNotFound
        | E::NotFound
        | E::UserNotFound
        | E::MethodNotAllowed
        | E::UnsupportedMediaType => Kind::Sender,
    }
}

/// A collection that is uploaded.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Upload {
    Detections,
    Metadata,
}

const UPLOADS: [Upload; 2] = [Upload::Detections, Upload::Metadata];
/// How many entries are uploaded, all but one of them good.
const ENTRIES: usize = 20;
const BAD: &str = "bad";

impl Upload {
    /// A device with entries that are to be sent, among them a bad one at that place.
    fn device(self, bad_at: Option<usize>) -> Device {
        let mut device = Device::ready_for(Action::Refresh, 1);
        device.run(Call::RequestUserAccessToken, |_, _| None);
        let entry = |at| if bad_at == Some(at) { BAD.to_owned() } else { format!("entry {at}") };
        let entries: Vec<String> = (0..ENTRIES).map(entry).collect();
        match self {
            Upload::Detections => {
                device.enqueue(&entries.iter().map(String::as_str).collect::<Vec<_>>());
            }
            Upload::Metadata => device.run(Call::ChangeMetadata(set(&entries)), |_, _| None),
        }
        device
    }

    /// What the platform has of it.
    fn arrived(self, device: &Device) -> usize {
        match self {
            Upload::Detections => device.arrived.iter().filter(|entry| entry.starts_with("entry")).count(),
            Upload::Metadata => device.keys.len(),
        }
    }

    /// How many entries the device has still to send.
    fn waiting(self, device: &Device) -> usize {
        let metadata = &device.metadata;
        match self {
            Upload::Detections => device.queue.len(),
            Upload::Metadata => {
                metadata.entries.iter().filter(|entry| entry.revision > metadata.acknowledged).count()
            }
        }
    }

    fn is_its(self, request: &Request) -> bool {
        matches!(
            (self, &request.body),
            (Upload::Detections, Body::Detections(_)) | (Upload::Metadata, Body::Metadata(_))
        )
    }
}

fn set(keys: &[String]) -> Vec<MetadataEntry> {
    keys.iter().map(|key| MetadataEntry { key: key.clone(), value: Some("x".to_owned()) }).collect()
}

fn holds_bad(request: &Request) -> bool {
    match &request.body {
        Body::Detections(body) => body.contains(BAD),
        Body::Metadata(body) => body.entries.iter().any(|entry| entry.key == BAD),
        _ => false,
    }
}

/// Submits; returns what came of it, and how many requests that took.
fn submit(
    device: &mut Device,
    upload: Upload,
    mut answer: impl FnMut(&Request) -> Option<Answer>,
) -> (Result<Output, SdkError>, usize) {
    let mut requests = 0;
    device.run(Call::SubmitDetections, |_, request| {
        requests += usize::from(upload.is_its(request));
        answer(request)
    });
    (device.settled.take().unwrap(), requests)
}

/// A page of something that stands before the platform.
fn page(status: u16) -> Answer {
    Ok(Response { status, reply: Reply::Unreadable, retry_after_ms: None, bytes: 0.0 })
}

#[test]
fn of_a_refused_upload_only_the_refused_entry_is_dropped() {
    let permanent = ErrorCode::ALL.iter().filter(|code| matches!(kind(**code), Kind::Content | Kind::Sender));
    for (code, upload) in permanent.flat_map(|code| UPLOADS.map(|upload| (*code, upload))) {
        for bad_at in [0, 7, ENTRIES - 1] {
            let case = format!("{code:?} for {upload:?} {bad_at}");
            let mut device = upload.device(Some(bad_at));
            let (outcome, requests) =
                submit(&mut device, upload, |request| holds_bad(request).then(|| error(code, None)));
            let refused = outcome.unwrap_err();
            assert_eq!((refused.reason, refused.retryable), (Reason::ServerError, false), "{case}");
            assert!(refused.details.contains(code.as_str()), "{case}: {}", refused.details);
            assert!(refused.details.contains(": 1."), "{case}: {}", refused.details);
            let said = &device.warnings.last().unwrap().message;
            assert!(said.contains(code.as_str()), "{case}: {said}");
            assert_eq!(upload.arrived(&device), ENTRIES - 1, "{case}");
            assert_eq!(upload.waiting(&device), 0, "{case}");
            // Down and up again in steps of two, and one to find out whether it is the content.
            assert!(requests <= 3 * ENTRIES.ilog2() as usize + 3, "{case}: {requests} requests");
            assert!(!device.metadata.entries.iter().any(|entry| entry.key == BAD), "{case}");
            assert_eq!(submit(&mut device, upload, |_| None).0, Ok(Output::Done), "{case}");
        }
    }
}

#[test]
fn an_upload_that_is_refused_whatever_it_holds_is_kept() {
    for (code, upload) in ErrorCode::ALL.iter().flat_map(|code| UPLOADS.map(|upload| (*code, upload))) {
        let case = format!("{code:?} for {upload:?}");
        let mut device = upload.device(None);
        let (outcome, _) =
            submit(&mut device, upload, |request| upload.is_its(request).then(|| error(code, None)));
        let refused = outcome.unwrap_err();
        let (reason, retryable) = match kind(code) {
            Kind::Retried | Kind::Token => (Reason::NetworkError, true),
            Kind::Session => (Reason::UserDisabledRemotely, false),
            Kind::Content | Kind::Sender => (Reason::ServerError, false),
        };
        assert_eq!((refused.reason, refused.retryable), (reason, retryable), "{case}");
        if kind(code) == Kind::Content {
            // Each entry was refused by itself.
            assert_eq!(upload.waiting(&device), 0, "{case}");
            assert!(refused.details.contains(": 20."), "{case}: {}", refused.details);
            continue;
        }
        assert_eq!(upload.waiting(&device), ENTRIES, "{case}");
        if kind(code) != Kind::Session {
            device.now += 60.0 * 60_000.0;
            assert_eq!(submit(&mut device, upload, |_| None).0, Ok(Output::Done), "{case}");
            assert_eq!(upload.arrived(&device), ENTRIES, "{case}");
        }
    }
}

#[test]
fn a_page_of_a_proxy_never_drops_what_is_uploaded() {
    for (status, upload) in (400..600).flat_map(|status| UPLOADS.map(|upload| (status, upload))) {
        let case = format!("{status} for {upload:?}");
        let mut device = upload.device(None);
        let (outcome, requests) =
            submit(&mut device, upload, |request| upload.is_its(request).then(|| page(status)));
        let failed = outcome.unwrap_err();
        assert_eq!((failed.reason, failed.retryable), (Reason::NetworkError, true), "{case}");
        assert_eq!(upload.waiting(&device), ENTRIES, "{case}");
        assert!(requests <= 4 + ENTRIES.ilog2() as usize, "{case}: {requests} requests");
    }
}

#[test]
fn a_proxy_with_a_lower_limit_gets_smaller_uploads() {
    for upload in UPLOADS {
        let mut device = upload.device(None);
        let is_too_large = |request: &Request| match &request.body {
            Body::Detections(body) => body.lines().count() > 3,
            Body::Metadata(body) => body.entries.len() > 3,
            _ => false,
        };
        let (outcome, _) = submit(&mut device, upload, |request| is_too_large(request).then(|| page(413)));
        assert_eq!(outcome, Ok(Output::Done), "{upload:?}");
        assert_eq!(upload.arrived(&device), ENTRIES, "{upload:?}");
    }
}

/// It was sent in the background, so only the logger was told.
#[test]
fn the_next_submission_tells_what_was_dropped_before() {
    let mut device = Upload::Detections.device(Some(3));
    device.run(Call::ChangeMetadata(set(&["key".to_owned()])), |_, _| None);
    while !device.queue.is_empty() {
        device.fire_next_timer();
        device.answer_all(|_, request| holds_bad(request).then(|| error(ErrorCode::MalformedRequest, None)));
    }
    let (outcome, _) = submit(&mut device, Upload::Detections, |_| None);
    assert!(outcome.unwrap_err().details.contains("MALFORMED_REQUEST"));
    assert_eq!(submit(&mut device, Upload::Detections, |_| None).0, Ok(Output::Done));
}

/// The platform has 45 entries of a user that this device knows nothing of, and is to get ten more.
#[test]
fn of_too_much_metadata_as_much_is_set_as_fits() {
    let mut device = Device::ready_for(Action::Refresh, 1);
    device.run(Call::RequestUserAccessToken, |_, _| None);
    device.keys = (0..45).map(|at| format!("other {at}")).collect();
    let entries: Vec<String> = (0..10).map(|at| format!("entry {at}")).collect();
    device.run(Call::ChangeMetadata(set(&entries)), |_, _| None);
    let mut keys = device.keys.clone();
    let (outcome, _) = submit(&mut device, Upload::Metadata, |request| {
        let Body::Metadata(body) = &request.body else { return None };
        let mut after = keys.clone();
        after.extend(body.entries.iter().map(|entry| entry.key.clone()));
        if after.len() > 50 {
            return Some(error(ErrorCode::MetadataLimitExceeded, None));
        }
        keys = after;
        None
    });
    assert!(outcome.unwrap_err().details.contains(": 5."));
    assert_eq!(device.keys.len(), 50);
    assert_eq!(device.metadata.entries.len(), 5, "what was refused is not kept as if it were set");
}

/// A removal makes room for what is set beside it, also where the two no longer travel together.
#[test]
fn removed_metadata_makes_room_before_the_rest_is_sent() {
    let mut device = Device::ready_for(Action::Refresh, 1);
    device.run(Call::RequestUserAccessToken, |_, _| None);
    let old: Vec<String> = (0..50).map(|at| format!("old {at}")).collect();
    device.run(Call::ChangeMetadata(set(&old)), |_, _| None);
    assert_eq!(submit(&mut device, Upload::Metadata, |_| None).0, Ok(Output::Done));
    let mut changes = set(&["new".to_owned(), BAD.to_owned()]);
    changes.extend(["old 1", "old 2"].map(|key| MetadataEntry { key: key.to_owned(), value: None }));
    device.run(Call::ChangeMetadata(changes), |_, _| None);
    let mut keys = device.keys.clone();
    let (outcome, _) = submit(&mut device, Upload::Metadata, |request| {
        let Body::Metadata(body) = &request.body else { return None };
        if holds_bad(request) {
            return Some(error(ErrorCode::MalformedRequest, None));
        }
        for entry in &body.entries {
            match entry.value {
                Some(_) => keys.insert(entry.key.clone()),
                None => keys.remove(&entry.key),
            };
        }
        (keys.len() > 50).then(|| error(ErrorCode::MetadataLimitExceeded, None))
    });
    assert!(outcome.unwrap_err().details.contains(": 1."));
    assert_eq!(device.keys.len(), 49);
    assert!(device.keys.contains("new"));
}

/// A restored user's keys are told with the user: the call that would exceed the limit is refused itself.
#[test]
fn a_second_device_knows_how_much_metadata_the_user_has() {
    let mut device = Device::new(1);
    device.known_keys = Some((0..49).map(|at| format!("key {at}")).collect());
    device.run(Action::Create.call(), |_, _| None);
    let mut change = |entry: (&str, Option<&str>)| {
        let entry = MetadataEntry { key: entry.0.to_owned(), value: entry.1.map(str::to_owned) };
        device.run(Call::ChangeMetadata(vec![entry]), |_, _| None);
        device.settled.take().unwrap()
    };
    assert_eq!(change(("key 7", Some("replaced"))), Ok(Output::Nothing));
    assert_eq!(change(("fiftieth", Some("x"))), Ok(Output::Nothing));
    let refused = change(("one more", Some("x"))).unwrap_err();
    assert_eq!((refused.reason, refused.retryable), (Reason::InvalidParams, false));
    assert_eq!(change(("key 8", None)), Ok(Output::Nothing));
    assert_eq!(change(("one more", Some("x"))), Ok(Output::Nothing));
    assert!(change(("key 8", Some("again"))).is_err());
    device.run(Call::Reset, |_, _| None);
    assert_eq!(device.metadata.other_keys, None);
}

/// An endpoint that answers an error in the name of a user, and how it is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Endpoint {
    Refresh,
    Config,
    Events,
    Detections,
    Metadata,
    Link,
    Goodbye,
}

const ENDPOINTS: [Endpoint; 7] = [
    Endpoint::Refresh,
    Endpoint::Config,
    Endpoint::Events,
    Endpoint::Detections,
    Endpoint::Metadata,
    Endpoint::Link,
    Endpoint::Goodbye,
];

impl Endpoint {
    fn is_asked(self, request: &Request) -> bool {
        match &request.body {
            Body::CreateUser(_) | Body::ConfirmLink => false,
            Body::Refresh(_) => self == Endpoint::Refresh,
            Body::Config => self == Endpoint::Config,
            Body::Events => self == Endpoint::Events,
            Body::Goodbye => self == Endpoint::Goodbye,
            Body::Link(_) => self == Endpoint::Link,
            Body::Metadata(_) => self == Endpoint::Metadata,
            Body::Detections(_) => self == Endpoint::Detections,
        }
    }

    /// A device on which the endpoint answers with that error, and what came of the call that asked it.
    fn refused_with(self, code: ErrorCode) -> (Device, Result<Output, SdkError>) {
        let mut device = match self {
            Endpoint::Refresh => Device::ready_for(Action::Refresh, 1),
            Endpoint::Link => Device::ready_for(Action::Link, 1),
            Endpoint::Metadata => Upload::Metadata.device(None),
            _ => Upload::Detections.device(None),
        };
        device.now += 11_000.0;
        let call = match self {
            Endpoint::Refresh => Call::RequestUserAccessToken,
            Endpoint::Config => Call::GetSdkStatus,
            Endpoint::Events => Call::UserExists,
            Endpoint::Detections | Endpoint::Metadata => Call::SubmitDetections,
            Endpoint::Link => Action::Link.call(),
            Endpoint::Goodbye => Call::Reset,
        };
        if self == Endpoint::Events {
            device.follow();
        }
        device.run(call, |_, request| self.is_asked(request).then(|| error(code, None)));
        let outcome = device.settled.take().unwrap();
        // What was asked in the background, too, and the refresh that may come of it.
        device.answer_all(|_, request| self.is_asked(request).then(|| error(code, None)));
        (device, outcome)
    }
}

/// The state in which an error leaves the user.
fn state_after(endpoint: Endpoint, code: ErrorCode) -> UserState {
    match (endpoint, code) {
        (Endpoint::Goodbye, _) => UserState::Active,
        (_, ErrorCode::UserDisabledRemotely) => UserState::Refused,
        (_, ErrorCode::UserDeleted) => UserState::Deleted,
        (_, ErrorCode::SessionEnded) => UserState::SessionEnded,
        // Of an access token it means no more than that a refresh is needed, which here succeeds.
        (Endpoint::Refresh, ErrorCode::TokenInvalid | ErrorCode::TokenExpired) => UserState::Unknown,
        (Endpoint::Refresh, ErrorCode::RefreshTokenUsed) => UserState::Spent,
        _ => UserState::Active,
    }
}

#[test]
fn every_error_at_every_endpoint_has_its_state() {
    for (endpoint, code) in ENDPOINTS.iter().flat_map(|at| ErrorCode::ALL.iter().map(|code| (*at, *code))) {
        let case = format!("{code:?} at {endpoint:?}");
        let (device, outcome) = endpoint.refused_with(code);
        let Some(user) = &device.core.record().user else {
            assert!(matches!((endpoint, outcome), (Endpoint::Goodbye, Ok(Output::Reset(_)))), "{case}");
            continue;
        };
        let state = state_after(endpoint, code);
        // The platform of this test calls every session active that it is asked for, which ends a mere refusal.
        let is_asked_why = state == UserState::Refused && endpoint != Endpoint::Config;
        let known = if is_asked_why { UserState::Active } else { state };
        assert!(user.state == state || user.state == known, "{case}: {:?}", user.state);
        let is_silent = matches!(endpoint, Endpoint::Config | Endpoint::Events);
        match outcome {
            Ok(_) => assert!(is_silent || kind(code) == Kind::Token, "{case} is told as a success"),
            Err(error) => {
                let is_passing =
                    kind(code) == Kind::Retried || (kind(code) == Kind::Token && state == UserState::Active);
                assert_eq!(error.retryable, is_passing, "{case}: {error:?}");
                let is_over = state != UserState::Active;
                assert_eq!(error.reason == Reason::UserDisabledRemotely, is_over, "{case}: {error:?}");
            }
        }
    }
}

/// The platform's data is gone: every endpoint says that it does not know the token.
#[test]
fn a_session_that_the_platform_never_heard_of_has_a_way_out() {
    for endpoint in ENDPOINTS.into_iter().filter(|endpoint| *endpoint != Endpoint::Goodbye) {
        let invalid = |_: f64, request: &Request| {
            (!matches!(request.body, Body::CreateUser(_))).then(|| error(ErrorCode::TokenInvalid, None))
        };
        let mut device = match endpoint {
            Endpoint::Link => Device::ready_for(Action::Link, 1),
            Endpoint::Metadata => Upload::Metadata.device(None),
            Endpoint::Refresh => Device::ready_for(Action::Refresh, 1),
            _ => Upload::Detections.device(None),
        };
        device.now += 11_000.0;
        if endpoint == Endpoint::Events {
            device.follow();
        }
        let calls = [
            match endpoint {
                Endpoint::Refresh => Call::RequestUserAccessToken,
                Endpoint::Link => Action::Link.call(),
                Endpoint::Detections | Endpoint::Metadata => Call::SubmitDetections,
                _ => Call::GetSdkStatus,
            },
            Call::RequestUserAccessToken,
            Call::SubmitDetections,
            Call::EnableDetections(None),
        ];
        for (at, call) in calls.into_iter().enumerate() {
            device.run(call, invalid);
            device.answer_all(invalid);
            let outcome = device.settled.take().unwrap();
            if at == 0 && matches!(endpoint, Endpoint::Config | Endpoint::Events) {
                continue;
            }
            let error = outcome.unwrap_err();
            let told = (error.reason, error.retryable, error.details.as_str());
            let details = "The platform does not know this install's session; call reset, then createUser.";
            assert_eq!(told, (Reason::UserDisabledRemotely, false, details), "{endpoint:?}");
        }
        device.run(Call::GetSdkStatus, invalid);
        let Some(Ok(Output::Status(status))) = device.settled.take() else { panic!("a status") };
        assert!(status.user_exists && !status.is_remote_enabled, "{endpoint:?}");

        device.run(Call::Reset, invalid);
        device.run(Action::Create.call(), |_, _| None);
        assert!(device.settled.take().unwrap().is_ok(), "{endpoint:?}");
    }
}

/// Its data comes back, by the right backup: so does the user, and what was queued meanwhile.
#[test]
fn a_platform_that_finds_its_data_again_has_lost_no_user() {
    let (mut device, _) = Endpoint::Refresh.refused_with(ErrorCode::TokenInvalid);
    assert_eq!(device.core.record().user.as_ref().unwrap().state, UserState::Unknown);
    device.enqueue(&["position"]);
    device.now += 11_000.0;
    device.run(Call::GetSdkStatus, |_, _| None);
    device.answer_all(|_, _| None);
    device.run(Call::RequestUserAccessToken, |_, _| None);
    assert!(matches!(device.settled.take(), Some(Ok(Output::Token(_)))));
    assert_eq!(submit(&mut device, Upload::Detections, |_| None).0, Ok(Output::Done));
    assert_eq!(device.arrived, ["position"]);
}

/// A refresh token that was used elsewhere says nothing of what the platform decided; its configuration does.
#[test]
fn only_the_platforms_word_is_told_as_its_word() {
    let used = |request: &Request| matches!(request.body, Body::Refresh(_));
    let mut device = Device::ready_for(Action::Refresh, 1);
    device.run(Call::RequestUserAccessToken, |_, request| {
        used(request).then(|| error(ErrorCode::RefreshTokenUsed, None))
    });
    let details = device.settled.take().unwrap().unwrap_err().details;
    assert_eq!(details, "This install's refresh token was used elsewhere; call reset, then createUser.");
    device.answer_all(|_, _| None);
    assert_eq!(device.core.record().user.as_ref().unwrap().state, UserState::Spent, "active or not");
    device.now += 11_000.0;
    device.run(Call::GetSdkStatus, |_, _| None);
    device.answer_all(|_, _| Some(error(ErrorCode::SessionEnded, None)));
    device.run(Call::RequestUserAccessToken, |_, _| None);
    let details = device.settled.take().unwrap().unwrap_err().details;
    assert_eq!(details, "The platform ended this install's session; call reset, then createUser.");
}

/// Another process has the newer session already when the platform says that this one was exchanged.
#[test]
fn a_used_refresh_token_is_looked_up_in_the_storage_once_more() {
    let mut device = Device::ready_for(Action::Refresh, 1);
    let mut newer = device.stored.clone().unwrap();
    let user = newer.user.as_mut().unwrap();
    (user.token.generation, user.token.expires_at) = (2, EpochMs(device.now + 2.0 * TOKEN_LIFE_MS));
    (user.issued_at, newer.epoch) = (EpochMs(device.now), newer.epoch + 5);
    device.stored_later = Some(newer);
    device.run(Call::RequestUserAccessToken, |_, request| {
        matches!(request.body, Body::Refresh(_)).then(|| error(ErrorCode::RefreshTokenUsed, None))
    });
    assert!(matches!(device.settled.take(), Some(Ok(Output::Token(_)))));
    assert_eq!(device.core.record().user.as_ref().unwrap().state, UserState::Active);
}
