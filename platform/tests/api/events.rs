//! `GET /sdk/v1/events`: devices are told what becomes of their install.

use crate::support::{
    Answer, Block, Command, EventStream, LISTED_ORIGIN, Sdk, TestPlatform, key, new_database, tablet,
};
use reqwest::Method;
use sentiance_platform::{
    domain::SetUserState,
    http::{EventSettings, Settings},
    model::{Actor, AppId, Trace, UserId, UserState},
    store::Store,
};
use sentiance_protocol::ErrorCode;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    time::{sleep, timeout},
};

/// A change is to be seen within a second; a loaded machine gets more time.
const SEEN_WITHIN: Duration = Duration::from_secs(5);

/// Waits for what shows a change, and prints how long that took.
async fn in_time(what: &str, seen: impl Future<Output = ()>) {
    let seen =
        async { timeout(SEEN_WITHIN, seen).await.unwrap_or_else(|_| panic!("not told in time: {what}")) };
    print(format_args!("{what}: seen after {:?}", measure(seen).await));
}

#[expect(clippy::disallowed_methods, reason = "a figure for whoever reads the output")]
async fn measure(seen: impl Future<Output = ()>) -> Duration {
    let started = Instant::now();
    seen.await;
    started.elapsed()
}

#[expect(clippy::print_stdout, reason = "a figure for whoever reads the output")]
fn print(figure: std::fmt::Arguments<'_>) {
    println!("{figure}");
}

fn with_events(events: EventSettings) -> Settings {
    Settings { events, ..Settings::default() }
}

#[tokio::test]
async fn a_stream_starts_with_the_state_and_the_configuration() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let mut stream = EventStream::open(sdk.events()).await;
    let header = |name| stream.response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("content-type").as_deref(), Some("text/event-stream"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store, no-transform"));
    assert_eq!(header("x-accel-buffering").as_deref(), Some("no"));

    let (name, mut told) = stream.event().await.unwrap();
    let mut asked = sdk.config().await.ok();
    assert_eq!(name, "state");
    for body in [&mut told, &mut asked] {
        assert!(body["server_time"].take().is_number());
    }
    assert_eq!(told, asked);
}

#[tokio::test]
async fn a_device_is_told_when_another_one_takes_over_and_when_it_is_active_again() {
    let platform = TestPlatform::start().await;
    let mut first = platform.sdk_with_user("alice").await;
    let mut of_first = first.follow("active").await;
    let second = platform.sdk_with_user("alice").await;
    in_time("another device took over", of_first.tells("deactivated", "inactive")).await;

    // Coming back replaces the first one's session: its stream ends without a word, and its next one tells.
    let mut of_second = second.follow("active").await;
    first.create_user(&platform.server.code("alice").await).await.ok();
    in_time("the first device came back", of_second.tells("deactivated", "inactive")).await;
    of_first.has_ended().await;
    first.follow("active").await;
}

#[tokio::test]
async fn a_phone_hears_nothing_of_a_tablet_that_yields_to_it() {
    let platform = TestPlatform::start().await;
    let phone = platform.sdk_with_user("alice").await;
    let mut of_phone = phone.follow("active").await;
    let mut on_tablet = platform.sdk().on(tablet());
    on_tablet.create_user(&platform.server.code("alice").await).await.ok();
    let mut of_tablet = on_tablet.follow("inactive").await;

    // Nothing was told before this.
    let third = platform.sdk_with_user("alice").await;
    in_time("a second phone took over", of_phone.tells("deactivated", "inactive")).await;
    third.reset().await.ok();
    on_tablet.create_user(&platform.server.code("alice").await).await.ok();
    of_tablet.has_ended().await;
    on_tablet.follow("active").await;
}

#[tokio::test]
async fn a_command_in_another_process_is_told_to_every_device_of_the_user() {
    let platform = TestPlatform::start().await;
    let displaced = platform.sdk_with_user("alice").await;
    let active = platform.sdk_with_user("alice").await;
    let bob = platform.sdk_with_user("bob").await;
    let mut of_displaced = displaced.follow("inactive").await;
    let mut of_active = active.follow("active").await;
    let mut of_bob = bob.follow("active").await;
    let run = |task: &str| {
        platform.command().run(&["user", task, "--app", &platform.app_id, &active.user_id]);
    };

    run("disable");
    in_time("disabled by command", of_active.tells("disabled", "disabled")).await;
    of_displaced.tells("disabled", "disabled").await;
    run("enable");
    in_time("enabled by command", of_active.tells("enabled", "active")).await;
    of_displaced.tells("enabled", "inactive").await;
    run("delete");
    in_time("deleted by command", of_active.ends_with("deleted", "USER_DELETED")).await;
    of_displaced.ends_with("deleted", "USER_DELETED").await;

    // Of all this, nothing was told to another user.
    bob.reset().await.ok();
    of_bob.ends_with("ended", "SESSION_ENDED").await;
}

#[tokio::test]
async fn a_disabled_user_is_told_though_the_token_has_expired() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    platform.pass(Duration::from_secs(2 * 24 * 3600));
    let mut stream = sdk.follow("active").await;
    platform.command().run(&["user", "disable", "--app", &platform.app_id, &sdk.user_id]);
    in_time("disabled", stream.tells("disabled", "disabled")).await;
}

#[tokio::test]
async fn a_deletion_by_the_apps_server_is_told() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let mut stream = sdk.follow("active").await;
    platform.server.delete(&sdk.user_id).await.ok();
    in_time("deleted by the app's server", stream.ends_with("deleted", "USER_DELETED")).await;
}

#[tokio::test]
async fn the_end_of_a_session_is_told_by_a_reset_and_by_a_stolen_token() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let mut stream = sdk.follow("active").await;
    sdk.reset().await.ok();
    in_time("reset", stream.ends_with("ended", "SESSION_ENDED")).await;

    let mut sdk = platform.sdk_with_user("bob").await;
    let stolen = sdk.clone();
    let mut stream = sdk.follow("active").await;
    sdk.refresh().await.ok();
    sdk.refresh().await.ok();
    stolen.clone().refresh().await.refused(ErrorCode::SessionEnded);
    in_time("a stolen token was used", stream.ends_with("ended", "SESSION_ENDED")).await;
}

#[tokio::test]
async fn a_stream_outlives_the_token_that_opened_it() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk_with_user("alice").await;
    let mut stream = sdk.follow("active").await;
    for _ in 0..3 {
        sdk.refresh().await.ok();
    }
    platform.sdk_with_user("alice").await;
    in_time("another device took over", stream.tells("deactivated", "inactive")).await;
}

#[tokio::test]
async fn an_install_that_was_linked_to_a_known_user_follows_that_user() {
    let platform = TestPlatform::start().await;
    let phone = platform.sdk_with_user("alice").await;
    let mut of_phone = phone.follow("active").await;
    let linked = platform.sdk_with_unlinked_user(true).await;
    let mut of_linked = linked.follow("active").await;
    platform.server.link(&linked.install_id, "alice").await.ok();
    in_time("a linked device took over", of_phone.tells("deactivated", "inactive")).await;
    // The link itself changed nothing for the install that was linked: it is active, and is told of its new user.
    platform.command().run(&["user", "disable", "--app", &platform.app_id, &phone.user_id]);
    in_time("the new user was disabled", of_linked.tells("disabled", "disabled")).await;
}

#[tokio::test]
async fn who_may_not_ask_for_the_state_gets_an_error_and_no_stream() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let (mut unknown, mut refresh) = (sdk.clone(), sdk.clone());
    unknown.access_token = "sat_x".to_owned();
    refresh.access_token = sdk.refresh_token.clone();
    Answer::to(unknown.events()).await.refused(ErrorCode::TokenInvalid);
    Answer::to(refresh.events()).await.refused(ErrorCode::TokenInvalid);
    Answer::to(sdk.request(Method::GET, "/sdk/v1/events")).await.refused(ErrorCode::CredentialsMissing);
    Answer::to(platform.server.request(Method::GET, "/sdk/v1/events"))
        .await
        .refused(ErrorCode::ApiKeyNotAccepted);
    Answer::to(sdk.request(Method::POST, "/sdk/v1/events").bearer_auth(&sdk.access_token))
        .await
        .refused(ErrorCode::MethodNotAllowed);
    sdk.reset().await.ok();
    Answer::to(sdk.events()).await.refused(ErrorCode::SessionEnded);
    let deleted = platform.sdk_with_user("bob").await;
    platform.server.delete(&deleted.user_id).await.ok();
    Answer::to(deleted.events()).await.refused(ErrorCode::UserDeleted);
}

#[tokio::test]
async fn a_listed_page_may_follow_and_others_may_not() {
    let platform = TestPlatform::start().await;
    platform.command().create_app("Other", &["https://other.example.com"]);
    let sdk = platform.sdk_with_user("alice").await;
    let page = sdk.clone().in_page(LISTED_ORIGIN);
    let mut stream = page.follow("active").await;
    let allowed = stream.response.headers().get("access-control-allow-origin").cloned();
    assert_eq!(allowed.unwrap(), LISTED_ORIGIN);
    for origin in ["https://evil.example.com", "https://other.example.com", "null"] {
        let refused = Answer::to(sdk.clone().in_page(origin).events()).await;
        refused.refused(ErrorCode::OriginNotAllowed);
        assert_eq!(refused.header("access-control-allow-origin"), None, "{origin}");
    }
    platform.sdk_with_user("alice").await;
    in_time("another device took over, told to a page", stream.tells("deactivated", "inactive")).await;
}

#[tokio::test]
async fn a_stream_without_news_shows_that_it_lives() {
    let heartbeat = Duration::from_millis(50);
    let platform =
        TestPlatform::start_with(with_events(EventSettings { heartbeat, ..Settings::default().events }))
            .await;
    let sdk = platform.sdk_with_user("alice").await;
    let mut stream = sdk.follow("active").await;
    for _ in 0..3 {
        assert_eq!(stream.block().await, Some(Block::Comment("alive".to_owned())));
    }
    assert_eq!(Settings::default().events.heartbeat, Duration::from_secs(15), "as the SDK expects");
}

#[tokio::test]
async fn a_stream_ends_when_it_is_old_and_a_slow_request_does_not_end_it_earlier() {
    let events = EventSettings {
        heartbeat: Duration::from_millis(100),
        lifetime: Duration::from_millis(1500),
        ..Settings::default().events
    };
    // Longer than any request may take.
    let settings = Settings { request_deadline: Duration::from_millis(300), ..with_events(events) };
    let platform = TestPlatform::start_with(settings).await;
    let sdk = platform.sdk_with_user("alice").await;
    let lasted = measure(async {
        let mut stream = sdk.follow("active").await;
        while stream.block().await.is_some() {}
    });
    let lasted = timeout(Duration::from_secs(20), lasted).await.unwrap();
    assert!(lasted >= Duration::from_millis(1350), "not cut off by the deadline of requests");
    sdk.follow("active").await;
}

async fn refused_for_want_of_room(sdk: &Sdk) {
    let answer = EventStream::try_open(sdk.events()).await.unwrap_err();
    answer.refused(ErrorCode::Unavailable);
    let pause: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((20..40).contains(&pause), "{pause}");
    sdk.config().await.ok();
}

#[tokio::test]
async fn there_are_bounds_for_all_streams_and_for_those_of_one_install() {
    let events = EventSettings { streams: 3, streams_per_install: 2, ..Settings::default().events };
    let platform = TestPlatform::start_with(with_events(events)).await;
    let (alice, bob) = (platform.sdk_with_user("alice").await, platform.sdk_with_user("bob").await);
    let mut first = alice.follow("active").await;
    let second = alice.follow("active").await;
    refused_for_want_of_room(&alice).await;
    let of_bob = bob.follow("active").await;
    refused_for_want_of_room(&bob).await;

    // Whoever goes makes room, though the platform notices only a moment later.
    drop((second, of_bob));
    let again = async {
        while EventStream::try_open(bob.events()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), again).await.unwrap();
    platform.sdk_with_user("alice").await;
    first.tells("deactivated", "inactive").await;
}

#[tokio::test]
async fn one_address_cannot_take_all_streams() {
    let events = EventSettings { streams: 4, streams_per_address: 2, ..Settings::default().events };
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let platform = TestPlatform::start_with(Settings { trusted_proxies, ..with_events(events) }).await;
    let (alice, bob) = (platform.sdk_with_user("alice").await, platform.sdk_with_user("bob").await);
    let from = |sdk: &Sdk, address: &str| sdk.events().header("x-forwarded-for", address);
    let _first = EventStream::open(from(&alice, "2001:db8::1")).await;
    let _second = EventStream::open(from(&bob, "2001:db8::2")).await;
    let third = EventStream::try_open(from(&bob, "2001:db8::3")).await;
    third.unwrap_err().refused(ErrorCode::Unavailable);
    EventStream::open(from(&bob, "192.0.2.1")).await.tells("state", "active").await;
}

#[tokio::test]
async fn streams_take_no_connection_from_ordinary_requests() {
    let settings = Settings { connections: 4, ..Settings::default() };
    let platform = TestPlatform::start_with(settings).await;
    let mut streams = Vec::new();
    for user in 0..4 {
        let sdk = platform.sdk_with_user(&format!("user {user}")).await;
        for _ in 0..4 {
            streams.push(sdk.follow("active").await);
        }
    }
    platform.sdk_with_user("alice").await;
}

#[tokio::test]
async fn each_of_many_followers_is_told() {
    let platform = TestPlatform::start().await;
    let mut streams = Vec::new();
    for user in 0..100 {
        let sdk = platform.sdk_with_user(&format!("user {user}")).await;
        streams.push(sdk.follow("active").await);
    }
    for user in 0..100 {
        platform.sdk_with_user(&format!("user {user}")).await;
    }
    for stream in &mut streams {
        stream.tells("deactivated", "inactive").await;
    }
}

#[tokio::test]
async fn a_follower_that_never_reads_holds_up_nobody_and_is_gone_in_the_end() {
    let events = EventSettings {
        streams_per_install: 1,
        heartbeat: Duration::from_millis(1),
        lifetime: Duration::from_secs(5),
        ..Settings::default().events
    };
    let platform = TestPlatform::start_with(with_events(events)).await;
    let (alice, bob) = (platform.sdk_with_user("alice").await, platform.sdk_with_user("bob").await);
    let mut of_bob = bob.follow("active").await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = platform.url.strip_prefix("http://").unwrap().parse().unwrap();
    let mut silent = socket.connect(address).await.unwrap();
    let token = &alice.access_token;
    let head = format!("GET /sdk/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    silent.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    silent.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");

    bob.reset().await.ok();
    in_time("a reset beside one that never reads", of_bob.ends_with("ended", "SESSION_ENDED")).await;
    refused_for_want_of_room(&alice).await;
    let gone = async {
        while EventStream::try_open(alice.events()).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.unwrap();
    drop(silent);
}

#[tokio::test]
async fn changes_of_this_and_of_another_process_are_seen_again_and_again() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let mut stream = sdk.follow("active").await;
    // Its connections are others than the platform's: for SQLite, that is another process.
    let elsewhere = Store::open(platform.database.name()).await.unwrap();
    for (whose, store, times) in [("this process", &platform.store, 50), ("another process", &elsewhere, 5)] {
        let mut waits = Vec::new();
        for _ in 0..times {
            for (state, name, told) in [
                (UserState::Disabled(platform.now()), "disabled", "disabled"),
                (UserState::Enabled, "enabled", "active"),
            ] {
                set_state(&platform, store, &sdk, state).await;
                let seen = timeout(SEEN_WITHIN, stream.tells(name, told));
                waits.push(measure(async { seen.await.unwrap() }).await);
            }
        }
        waits.sort();
        let (median, worst) = (waits[waits.len() / 2], waits[waits.len() - 1]);
        print(format_args!("{} changes by {whose}: median {median:?}, worst {worst:?}", waits.len()));
    }
    elsewhere.close().await;
}

async fn set_state(platform: &TestPlatform, store: &Store, sdk: &Sdk, state: UserState) {
    let work = SetUserState {
        app_id: AppId::parse(&platform.app_id).unwrap(),
        user_id: UserId::parse(&sdk.user_id).unwrap(),
        state,
        by: Actor::Operator,
        trace: Trace::default(),
        now: platform.now(),
    };
    store.write(work).await.unwrap();
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams_at_once() {
    let platform = TestPlatform::start().await;
    let mut stream = platform.sdk_with_user("alice").await.follow("active").await;
    platform.stop();
    in_time("the server stopped", stream.has_ended()).await;
}

#[tokio::test]
async fn a_process_with_open_streams_ends_when_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let command = Command::on(new_database(&folder).name());
    let running = command.start(&["dev"]);
    let server = crate::support::ServerKey::new(&running.url, &running.value_of("api key: "));
    let mut sdk = Sdk::new(&running.url);
    sdk.create_user(&server.code("alice").await).await.ok();
    let mut stream = sdk.follow("active").await;
    running.terminate();
    in_time("the process ended", stream.has_ended()).await;
    let (succeeded, log) = running.wait();
    assert!(succeeded && !log.contains("cut off"), "{log}");
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_ends_no_stream() {
    let platform = TestPlatform::start().await;
    let (code, try_key) = (platform.server.code("alice").await, key());
    let mut sdk = platform.sdk();
    sdk.remember_user(&sdk.clone().exchange(&code, &try_key).await);
    sdk.remember_user(&sdk.clone().exchange(&code, &try_key).await);
    let mut stream = sdk.follow("active").await;
    // Following is a use: from now on the answer is known to have arrived.
    sdk.exchange(&code, &try_key).await.refused(ErrorCode::AuthenticationCodeInvalid);
    sdk.change_metadata(1, &[("a", Some("b"))]).await.ok();
    platform.server.delete(&sdk.user_id).await.ok();
    stream.ends_with("deleted", "USER_DELETED").await;
}
