//! `POST /sdk/v1/detections`, and `GET /v2/users/:user_id/detections`, which reads them back.

use crate::support::{Sdk, ServerKey, TestPlatform, key};
use sentiance_platform::{
    domain::{Acting, ByToken, Quotas, RecordDetections, Refusal, authenticate},
    model::{Detection, Permission, gather},
    secret::{AccessToken, Plain},
    store::Turn,
};
use sentiance_protocol::ErrorCode;
use serde_json::{Value, json};

/// 14 November 2023, 22:13:20.
const START: i64 = 1_700_000_000_000;

/// How many detections there are of all users.
const STORED: &str =
    "select (select coalesce(sum(count), 0) from detection_blocks) + (select count(*) from trips)";

fn position(time: i64) -> Value {
    json!({
        "id": key(), "time": time,
        "position": { "latitude": 50.846_557_123_456_79, "longitude": -4.351_697_000_000_1, "accuracy": 5.5 },
    })
}

fn motion(time: i64) -> Value {
    let motion =
        json!({ "duration_ms": 1000, "samples": 60, "acceleration_mean": 9.81, "acceleration_max": 12.5 });
    json!({ "id": key(), "time": time, "motion": motion })
}

/// A message about the trip `id`: what `news` adds to its start.
fn trip(id: &str, news: Value) -> Value {
    let mut trip = json!({ "started_at": START, "metadata": [] });
    trip.as_object_mut().unwrap().extend(news.as_object().unwrap().clone());
    json!({ "id": id, "time": START, "trip": trip })
}

fn ids(page: &Value) -> Vec<&str> {
    page["detections"].as_array().unwrap().iter().map(|detection| detection["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_was_recorded_comes_back_as_it_was() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let (place, moved) = (position(START + 1), motion(START + 2));
    let drive = trip(&key(), json!({ "transport_mode": 2, "metadata": [{ "key": "a", "value": "b" }] }));
    let uploaded = sdk.upload(&[moved.clone(), drive.clone(), place.clone()]).await;
    assert_eq!(uploaded.ok(), json!({ "accepted": 3, "known": 0 }));

    let expected = json!({
        "detections": [
            {
                "id": drive["id"], "type": "trip", "time": "2023-11-14T22:13:20.000Z",
                "install_id": sdk.install_id,
                "trip": {
                    "started_at": "2023-11-14T22:13:20.000Z", "transport_mode": 2, "metadata": { "a": "b" },
                },
            },
            {
                "id": place["id"], "type": "position", "time": "2023-11-14T22:13:20.001Z",
                "install_id": sdk.install_id, "position": place["position"],
            },
            {
                "id": moved["id"], "type": "motion", "time": "2023-11-14T22:13:20.002Z",
                "install_id": sdk.install_id, "motion": moved["motion"],
            },
        ],
        "next_cursor": null,
    });
    let as_user = ServerKey::new(&platform.url, &sdk.access_token);
    assert_eq!(platform.server.detections(&sdk.user_id, "").await.ok(), expected);
    assert_eq!(as_user.detections(&sdk.user_id, "").await.ok(), expected);
    assert_eq!(as_user.detections("me", "").await.ok(), expected);
}

#[tokio::test]
async fn a_batch_that_is_sent_twice_is_stored_once() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let batch: Vec<_> = (0..200).map(|number| position(START + number)).collect();
    assert_eq!(sdk.upload(&batch).await.ok(), json!({ "accepted": 200, "known": 0 }));
    assert_eq!(sdk.upload(&batch).await.ok(), json!({ "accepted": 0, "known": 200 }));
    let more = [&batch[150..], &[position(START + 500)]].concat();
    assert_eq!(sdk.upload(&more).await.ok(), json!({ "accepted": 1, "known": 50 }));
    assert_eq!(platform.count_rows(STORED).await, 201);

    // The ids are a user's own.
    let bob = platform.sdk_with_user("bob").await;
    assert_eq!(bob.upload(&batch).await.ok(), json!({ "accepted": 200, "known": 0 }));
}

#[tokio::test]
async fn the_messages_of_a_trip_are_put_together() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let id = key();
    let entry = |key: &str, value: Value| json!({ "key": key, "value": value });
    let start = trip(&id, json!({ "transport_mode": 2, "metadata": [entry("a", json!("1"))] }));
    let annotated = trip(&id, json!({ "metadata": [entry("a", json!("2")), entry("b", json!("3"))] }));
    let end = trip(&id, json!({ "ended_at": START + 5000, "timed_out": true }));
    for message in [&start, &annotated, &end] {
        assert_eq!(sdk.upload(std::slice::from_ref(message)).await.ok()["accepted"], 1);
    }
    // The end stays the end, whatever comes later.
    let other_end = trip(&id, json!({ "ended_at": START + 9000, "timed_out": false }));
    for message in [end.clone(), other_end, trip(&id, json!({}))] {
        assert_eq!(sdk.upload(&[message]).await.ok(), json!({ "accepted": 0, "known": 1 }));
    }
    let page = platform.server.detections(&sdk.user_id, "").await.ok();
    let expected = json!({
        "started_at": "2023-11-14T22:13:20.000Z", "ended_at": "2023-11-14T22:13:25.000Z",
        "timed_out": true, "transport_mode": 2, "metadata": { "a": "2", "b": "3" },
    });
    assert_eq!((ids(&page).len(), &page["detections"][0]["trip"]), (1, &expected));
}

#[tokio::test]
async fn a_batch_with_one_wrong_detection_is_refused_as_a_whole() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let with = |detection: &Value, path: &[&str], value: Value| {
        let mut changed = detection.clone();
        let (last, parents) = path.split_last().unwrap();
        parents.iter().fold(&mut changed, |inner, name| &mut inner[*name])[*last] = value;
        changed
    };
    let (place, moved, drive) = (position(START), motion(START), trip(&key(), json!({})));
    let entries = |count: usize| {
        Value::from_iter((0..count).map(|number| json!({ "key": number.to_string(), "value": "" })))
    };
    let long = json!([{ "key": "a", "value": "x".repeat(501) }]);
    let (malformed, over) = (ErrorCode::MalformedRequest, ErrorCode::MetadataLimitExceeded);
    for (wrong, expected) in [
        (with(&place, &["id"], json!("abc")), malformed),
        (with(&place, &["id"], json!("A".repeat(32))), malformed),
        (with(&place, &["time"], json!(-1)), malformed),
        (with(&place, &["time"], json!(8.64e15 + 2.0)), malformed),
        (with(&place, &["position"], Value::Null), malformed),
        (with(&place, &["motion"], moved["motion"].clone()), malformed),
        (with(&place, &["position", "latitude"], json!(90.1)), malformed),
        (with(&place, &["position", "longitude"], json!(-180.1)), malformed),
        (with(&place, &["position", "accuracy"], json!(-1)), malformed),
        (with(&place, &["position", "latitude"], Value::Null), malformed),
        (with(&place, &["position", "speed"], json!("fast")), malformed),
        (with(&moved, &["motion", "samples"], json!(-1)), malformed),
        (with(&drive, &["trip", "transport_mode"], json!(0)), malformed),
        (with(&drive, &["trip", "transport_mode"], json!(12)), malformed),
        (with(&drive, &["trip", "started_at"], json!(-1)), malformed),
        (with(&drive, &["trip", "ended_at"], json!(1e300)), malformed),
        (with(&drive, &["trip", "metadata"], entries(51)), over),
        (with(&drive, &["trip", "metadata"], long), over),
    ] {
        sdk.upload(&[position(START), wrong.clone(), position(START)]).await.refused(expected);
    }
    assert_eq!(platform.count_rows(STORED).await, 0);

    // The limit holds for what comes together, too.
    let id = key();
    sdk.upload(&[trip(&id, json!({ "metadata": entries(50) }))]).await.ok();
    let news = json!({ "metadata": [{ "key": "one more", "value": "" }] });
    sdk.upload(&[position(START), trip(&id, news)]).await.refused(over);
    assert_eq!(platform.count_rows(STORED).await, 1);
}

#[tokio::test]
async fn the_ends_of_the_ranges_are_inside() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let corner = json!({ "latitude": -90, "longitude": 180, "accuracy": 0, "heading": 0, "altitude": -5.5 });
    let times = [json!(0), json!(8.64e15)];
    let batch = times.map(|time| json!({ "id": key(), "time": time, "position": corner }));
    assert_eq!(sdk.upload(&batch).await.ok()["accepted"], 2);
    let page = platform.server.detections(&sdk.user_id, "").await.ok();
    assert_eq!(page["detections"][0]["time"], "1970-01-01T00:00:00.000Z");
    assert_eq!(
        page["detections"][1]["time"], "9999-12-31T23:59:59.999Z",
        "the last that the format can tell"
    );
    assert_eq!(sdk.upload(&[]).await.ok(), json!({ "accepted": 0, "known": 0 }));
}

#[tokio::test]
async fn pages_hold_every_detection_once() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    // Several at each time, in no order.
    let batch: Vec<_> = (0..120).map(|number| position(START + (number * 7) % 30)).collect();
    sdk.upload(&batch).await.ok();
    sdk.upload(&[motion(START + 3), trip(&key(), json!({}))]).await.ok();
    let mut expected: Vec<_> =
        batch.iter().map(|one| (one["time"].as_i64().unwrap(), one["id"].as_str().unwrap())).collect();
    expected.sort_unstable();
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| id.to_owned()).collect();

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let query = format!("?type=position&limit=50{cursor}");
        let page = platform.server.detections(&sdk.user_id, &query).await.ok();
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, expected);

    let first = platform.server.detections(&sdk.user_id, "").await.ok();
    assert_eq!(ids(&first).len(), 100, "unless more are asked for");
    let all = platform.server.detections(&sdk.user_id, "?limit=122").await.ok();
    assert_eq!((ids(&all).len(), &all["next_cursor"]), (122, &Value::Null), "no empty last page");
    for (kind, count) in [("motion", 1), ("trip", 1), ("position", 120)] {
        let page = platform.server.detections(&sdk.user_id, &format!("?limit=1000&type={kind}")).await.ok();
        assert_eq!(ids(&page).len(), count, "{kind}");
    }
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    for query in
        ["?limit=0", "?limit=1001", "?limit=x", "?cursor=x", "?cursor=1.x", "?type=flight", "?before=1"]
    {
        platform.server.detections(&sdk.user_id, query).await.refused(ErrorCode::MalformedRequest);
    }
}

#[tokio::test]
async fn detections_are_read_by_their_user_and_the_apps_server_only() {
    let platform = TestPlatform::start().await;
    let (alice, bob) = (platform.sdk_with_user("alice").await, platform.sdk_with_user("bob").await);
    let as_bob = ServerKey::new(&platform.url, &bob.access_token);
    as_bob.detections(&alice.user_id, "").await.refused(ErrorCode::AccessDenied);
    platform.server.detections("me", "").await.refused(ErrorCode::ApiKeyNotAccepted);
    platform.server.detections(&"0".repeat(24), "").await.refused(ErrorCode::UserNotFound);
    let weak = platform.command().create_key(&platform.app_id, &["user.link"]);
    let weak = ServerKey::new(&platform.url, &weak);
    weak.detections(&alice.user_id, "").await.refused(ErrorCode::InsufficientScope);
}

#[tokio::test]
async fn a_displaced_or_disabled_device_uploads_nothing() {
    let platform = TestPlatform::start().await;
    let displaced = platform.sdk_with_user("alice").await;
    platform.sdk_with_user("alice").await;
    let disabled = platform.sdk_with_user("bob").await;
    platform.command().run(&["user", "disable", "--app", &platform.app_id, &disabled.user_id]);
    for sdk in [&displaced, &disabled] {
        sdk.upload(&[position(START)]).await.refused(ErrorCode::UserDisabledRemotely);
    }
    assert_eq!(platform.count_rows(STORED).await, 0);
}

#[tokio::test]
async fn what_happens_between_the_look_at_a_token_and_the_write_counts() {
    let platform = TestPlatform::start().await;
    let recognized = async |sdk: &Sdk| {
        let token = Plain::<AccessToken>::parse(&sdk.access_token).unwrap().hash();
        let by = ByToken { token, origin: None, permission: Permission::ActForUser };
        authenticate(&platform.store, &by, platform.now()).await.unwrap();
        by
    };
    let record_all = async |by: &ByToken, detections| {
        let act = RecordDetections {
            detections: gather(detections),
            quotas: Quotas::default(),
            turn: Turn::among_uploads(&by.token.digest(), 1),
        };
        platform.store.write(Acting { by: by.clone(), clock: platform.clock(), act }).await
    };
    let record = async |by: &ByToken| record_all(by, Vec::new()).await;
    let sdk = platform.sdk_with_user("alice").await;
    let token = recognized(&sdk).await;
    assert!(record(&token).await.is_ok());
    platform.sdk_with_user("alice").await;
    assert!(matches!(record(&token).await, Err(Refusal::UserDisabled)));
    sdk.reset().await.ok();
    assert!(matches!(record(&token).await, Err(Refusal::SessionEnded)));
    platform.server.delete(&sdk.user_id).await.ok();
    assert!(matches!(record(&token).await, Err(Refusal::UserDeleted)));

    let awaiting = platform.sdk_with_unlinked_user(true).await;
    let (token, bob) = (recognized(&awaiting).await, platform.sdk_with_user("bob").await);
    platform.server.link(&awaiting.install_id, "bob").await.ok();
    let detections = vec![Detection::parse(serde_json::from_value(position(START)).unwrap()).unwrap()];
    record_all(&token, detections).await.unwrap();
    let page = platform.server.detections(&bob.user_id, "").await.ok();
    assert_eq!(ids(&page).len(), 1, "it went to the user that the install came to");
}

#[tokio::test]
async fn a_batch_may_have_64_kib() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let batch_of = |bytes: usize| {
        let length = position(START).to_string().len() + 1;
        (0..bytes / length).map(|_| position(START)).collect::<Vec<_>>()
    };
    sdk.upload(&batch_of(65_000)).await.ok();
    sdk.upload(&batch_of(66_500)).await.refused(ErrorCode::PayloadTooLarge);
}

#[tokio::test]
async fn detections_are_gone_with_the_user() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    sdk.upload(&[position(START), motion(START), trip(&key(), json!({}))]).await.ok();
    platform.server.delete(&sdk.user_id).await.ok();
    platform.server.detections(&sdk.user_id, "").await.refused(ErrorCode::UserNotFound);
    platform.until_rows(STORED, 0).await;
    sdk.upload(&[position(START)]).await.refused(ErrorCode::UserDeleted);
}

/// Messages about one trip, each with an entry whose value is as long as may be.
fn messages(id: &str, count: usize, character: char) -> Vec<Value> {
    let value = character.to_string().repeat(500);
    let message = |number: usize| {
        let entry = json!({ "key": (number % 50).to_string(), "value": value });
        trip(id, json!({ "metadata": [entry] }))
    };
    (0..count).map(message).collect()
}

#[tokio::test]
async fn messages_of_a_trip_in_one_request_are_put_together() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let id = key();
    let entry = |key: &str, value: Value| json!({ "key": key, "value": value });
    let start = trip(&id, json!({ "transport_mode": 2, "metadata": [entry("a", json!("1"))] }));
    let between = position(START + 1);
    let annotated = trip(&id, json!({ "metadata": [entry("a", Value::Null), entry("b", json!("2"))] }));
    let end = trip(&id, json!({ "ended_at": START + 5000, "timed_out": false }));
    let all = [start, between, annotated, end];
    assert_eq!(sdk.upload(&all).await.ok(), json!({ "accepted": 4, "known": 0 }));
    assert_eq!(sdk.upload(&all).await.ok(), json!({ "accepted": 0, "known": 4 }));
    let page = platform.server.detections(&sdk.user_id, "?type=trip").await.ok();
    let expected = json!({
        "started_at": "2023-11-14T22:13:20.000Z", "ended_at": "2023-11-14T22:13:25.000Z",
        "timed_out": false, "transport_mode": 2, "metadata": { "b": "2" },
    });
    assert_eq!((ids(&page).len(), &page["detections"][0]["trip"]), (1, &expected));
}

#[tokio::test]
async fn a_trip_takes_no_more_than_64_kib() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let id = key();
    // 3 KB of JSON each: ten of them come in one request, and twenty-one fit.
    let escaped = messages(&id, 50, '\u{1}');
    for request in escaped[..20].chunks(10) {
        sdk.upload(request).await.ok();
    }
    sdk.upload(&escaped[20..30]).await.refused(ErrorCode::TripTooLarge);
    // What fits is taken in afterwards, and so is everything else.
    sdk.upload(&[trip(&id, json!({ "ended_at": START + 1 })), position(START)]).await.ok();
    // Fifty entries, each as long as may be, fit where a letter is a byte.
    let whole = messages(&key(), 50, 'x');
    sdk.upload(&whole).await.ok();
}

#[tokio::test]
async fn a_request_holds_at_most_600_detections() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let id = key();
    let small: Vec<_> = (0..601)
        .map(|_| json!({ "id": id, "time": 0, "trip": { "started_at": 0, "metadata": [] } }))
        .collect();
    sdk.upload(&small).await.refused(ErrorCode::MalformedRequest);
    sdk.upload(&small[1..]).await.ok();
}

#[tokio::test]
async fn a_page_ends_where_it_would_become_too_large() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let mut expected = Vec::new();
    for number in 0..8 {
        let mut batch = messages(&key(), 50, 'x');
        batch.iter_mut().for_each(|message| message["time"] = json!(START + number));
        expected.push(batch[0]["id"].as_str().unwrap().to_owned());
        sdk.upload(&batch).await.ok();
    }
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let answer = platform.server.detections(&sdk.user_id, &format!("?limit=1000{cursor}")).await;
        assert!(answer.text.len() < 160 * 1024, "{} bytes", answer.text.len());
        let page = answer.ok();
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        pages += 1;
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, expected);
    assert!((2..=4).contains(&pages), "{pages} pages");
}
