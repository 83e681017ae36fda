//! What is stored of detections over a long time: read by time and in both orders, kept as long as it is wanted, and
//! brought over from earlier versions.

mod file;

use crate::support::{ServerKey, TestPlatform, key};
use fastrand::Rng;
use sentiance_platform::{clock::Timestamp, http::Settings};
use sentiance_protocol::ErrorCode;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// 14 November 2023, 22:13:20.
const START: i64 = 1_700_000_000_000;
const HOUR: i64 = 60 * 60 * 1000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn iso(time: i64) -> String {
    Timestamp(time).to_iso8601()
}

fn position(time: i64) -> Value {
    json!({ "id": key(), "time": time, "position": { "latitude": 50.5, "longitude": 4.25, "accuracy": 5 } })
}

fn motion(time: i64) -> Value {
    let motion =
        json!({ "duration_ms": 10, "samples": 6, "acceleration_mean": 9.81, "acceleration_max": 12 });
    json!({ "id": key(), "time": time, "motion": motion })
}

fn trip(time: i64) -> Value {
    json!({ "id": key(), "time": time, "trip": { "started_at": time, "metadata": [] } })
}

fn ids(page: &Value) -> Vec<String> {
    page["detections"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// The ids of all pages that a query gives.
async fn read_all(server: &ServerKey, user: &str, query: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.detections(user, &format!("?{query}{cursor}")).await.ok();
        all.extend(ids(&page));
        let Some(next) = page["next_cursor"].as_str() else { return all };
        assert!(!ids(&page).is_empty(), "a page before the last is empty");
        cursor = format!("&cursor={next}");
    }
}

/// Everything that was uploaded, in the order in which it is listed: by time, id and kind.
type Known = BTreeMap<(i64, String, usize), Value>;

fn expected(known: &Known, kind: Option<usize>, from: Option<i64>, to: Option<i64>) -> Vec<String> {
    let is_wanted = |&(time, _, of): &&(i64, String, usize)| {
        kind.is_none_or(|kind| kind == *of)
            && from.is_none_or(|from| *time >= from)
            && to.is_none_or(|to| *time < to)
    };
    known.keys().filter(is_wanted).map(|(_, id, _)| id.clone()).collect()
}

#[tokio::test]
async fn whatever_comes_in_whatever_order_is_listed_in_order() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let mut known = Known::new();
    let mut sent: Vec<Value> = Vec::new();
    for round in 0..40 {
        // In turn: what goes on, what comes late, what is all over three days, and what has the same time.
        let count = [1, 7, 90, 300][rng.usize(..4)];
        let mut batch: Vec<Value> = (0..count)
            .map(|number| {
                let time = match round % 4 {
                    0 => START + round * HOUR + number * 1000,
                    1 => START - round * 1000 - number,
                    2 => START + rng.i64(0..72 * HOUR),
                    _ => START + 5 * HOUR,
                };
                let make = [position, position, motion, trip][rng.usize(..if count > 90 { 2 } else { 4 })];
                make(time)
            })
            .collect();
        let news = batch.len();
        // Some of it once more, as after a lost response.
        let repeated = if sent.is_empty() { 0 } else { rng.usize(..20) };
        batch.extend((0..repeated).map(|_| sent[rng.usize(..sent.len())].clone()));
        let uploaded = sdk.upload(&batch).await.ok();
        assert_eq!(uploaded, json!({ "accepted": news, "known": repeated }), "round {round}");
        for one in &batch[..news] {
            let kind =
                ["position", "motion", "trip"].iter().position(|kind| one.get(*kind).is_some()).unwrap();
            let id = one["id"].as_str().unwrap().to_owned();
            known.insert((one["time"].as_i64().unwrap(), id, kind), one.clone());
        }
        sent.extend_from_slice(&batch[..news]);
    }
    let largest = platform.count_rows("select max(count) from detection_blocks").await;
    assert!(largest <= 256, "{largest}");
    let over_two_days = platform
        .count_rows(
            "select count(*) from detection_blocks where first_time / 86400000 <> last_time / 86400000",
        )
        .await;
    assert_eq!(over_two_days, 0);

    let (server, user) = (&platform.server, &sdk.user_id);
    for _ in 0..15 {
        let kind = rng.bool().then(|| rng.usize(..3));
        let mut time = || rng.bool().then(|| START + rng.i64(-HOUR..80 * HOUR));
        let (from, to) = (time(), time());
        let limit = [3, 40, 300, 1000][rng.usize(..4)];
        let mut query = format!("limit={limit}");
        query +=
            &kind.map(|kind| format!("&type={}", ["position", "motion", "trip"][kind])).unwrap_or_default();
        query += &from.map(|from| format!("&from={}", iso(from))).unwrap_or_default();
        query += &to.map(|to| format!("&to={}", iso(to))).unwrap_or_default();
        let mut expected = expected(&known, kind, from, to);
        // Of many small pages some are enough.
        if expected.len() / limit > 30 {
            continue;
        }
        assert_eq!(read_all(server, user, &query).await, expected, "{query}");
        assert_eq!(read_all(server, user, &format!("{query}&order=asc")).await, expected, "{query}");
        expected.reverse();
        assert_eq!(read_all(server, user, &format!("{query}&order=desc")).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_page_that_is_full_of_one_kind_leaves_out_nothing_of_it() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    // Pages hold 128 KiB, and these have 53 KB each: the third does not fit, and what comes behind it would.
    let large = |time: i64| {
        let texts = (0..50).map(|number| json!({ "key": number.to_string(), "value": "\u{e9}".repeat(500) }));
        let trip = json!({ "started_at": time, "metadata": texts.collect::<Vec<_>>() });
        json!({ "id": key(), "time": time, "trip": trip })
    };
    let mut expected = Vec::new();
    for number in 0..5 {
        let batch = [large(START + number * HOUR), position(START + number * HOUR + 1)];
        expected.extend(batch.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        sdk.upload(&batch).await.ok();
    }
    assert_eq!(read_all(&platform.server, &sdk.user_id, "limit=1000").await, expected);
    expected.reverse();
    assert_eq!(read_all(&platform.server, &sdk.user_id, "limit=1000&order=desc").await, expected);
}

#[tokio::test]
async fn one_id_for_several_kinds_and_times_is_listed_as_often() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let id = key();
    let mut all = vec![position(START), motion(START), trip(START), position(START + 1)];
    all.iter_mut().for_each(|one| one["id"] = id.clone().into());
    assert_eq!(sdk.upload(&all).await.ok()["accepted"], 4);
    assert_eq!(sdk.upload(&all).await.ok()["known"], 4);
    for order in ["asc", "desc"] {
        let query = format!("limit=1&order={order}");
        assert_eq!(read_all(&platform.server, &sdk.user_id, &query).await, vec![id.clone(); 4], "{order}");
    }
}

#[tokio::test]
async fn a_cursor_of_the_version_before_goes_on() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let batch: Vec<_> = (0..3).map(|number| position(START + number)).collect();
    sdk.upload(&batch).await.ok();
    let cursor = format!("?cursor={}.{}", START + 1, batch[1]["id"].as_str().unwrap());
    let page = platform.server.detections(&sdk.user_id, &cursor).await.ok();
    assert_eq!(ids(&page), [batch[2]["id"].as_str().unwrap()]);
}

#[tokio::test]
async fn trips_are_read_by_themselves() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let trips: Vec<_> = (0..5).map(|number| trip(START + number * HOUR)).collect();
    sdk.upload(&trips).await.ok();
    sdk.upload(&[position(START), motion(START + HOUR)]).await.ok();
    let end = json!({ "started_at": START, "ended_at": START + 60_000, "metadata": [{ "key": "a", "value": "b" }] });
    sdk.upload(&[json!({ "id": trips[0]["id"], "time": START, "trip": end })]).await.ok();

    let query = format!("?from={}&to={}&limit=2", iso(START), iso(START + 3 * HOUR));
    let first = platform.server.trips(&sdk.user_id, &query).await.ok();
    let expected = json!([
        {
            "id": trips[0]["id"], "install_id": sdk.install_id, "started_at": "2023-11-14T22:13:20.000Z",
            "ended_at": "2023-11-14T22:14:20.000Z", "metadata": { "a": "b" },
        },
        {
            "id": trips[1]["id"], "install_id": sdk.install_id, "started_at": "2023-11-14T23:13:20.000Z",
            "metadata": {},
        },
    ]);
    assert_eq!(first["trips"], expected);
    let query = format!("{query}&cursor={}", first["next_cursor"].as_str().unwrap());
    let second = platform.server.trips(&sdk.user_id, &query).await.ok();
    assert_eq!((&second["trips"][0]["id"], &second["next_cursor"]), (&trips[2]["id"], &Value::Null));

    let as_user = ServerKey::new(&platform.url, &sdk.access_token);
    let newest = as_user.trips("me", "?order=desc&limit=1").await.ok();
    assert_eq!(newest["trips"][0]["id"], trips[4]["id"]);
    for query in ["?type=trip", "?limit=0", "?order=down", "?from=today"] {
        as_user.trips("me", query).await.refused(ErrorCode::MalformedRequest);
    }
    let bob = platform.sdk_with_user("bob").await;
    as_user.trips(&bob.user_id, "").await.refused(ErrorCode::AccessDenied);
}

#[tokio::test]
async fn times_and_orders_that_make_no_sense_are_refused() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    sdk.upload(&[position(START)]).await.ok();
    for query in
        ["?from=1", "?to=2023-11-14", "?from=2023-11-14T22:13:20", "?order=DESC", "?order=", "?from="]
    {
        platform.server.detections(&sdk.user_id, query).await.refused(ErrorCode::MalformedRequest);
    }
    // No time is before its end here, and one without a part of a second is a time.
    let (first, last) = ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20.001Z");
    for (query, count) in [
        (format!("?from={last}&to={first}"), 0),
        (format!("?from={first}&to={first}"), 0),
        (format!("?from={first}&to={last}"), 1),
    ] {
        let page = platform.server.detections(&sdk.user_id, &query).await.ok();
        assert_eq!((ids(&page).len(), &page["next_cursor"]), (count, &Value::Null), "{query}");
    }
}

const STORED: &str =
    "select (select coalesce(sum(count), 0) from detection_blocks) + (select count(*) from trips)";

#[tokio::test]
async fn detections_are_kept_as_long_as_is_set() {
    let settings = Settings {
        clean_up_interval: Duration::from_millis(50),
        detections_retention: Some(10 * DAY),
        ..Settings::default()
    };
    let platform = TestPlatform::start_with(settings).await;
    let counted_bytes = format!("select {}", platform.database.stored_bytes());
    let sdk = platform.sdk_with_user("alice").await;
    let now = platform.now().0;
    let day = i64::try_from(DAY.as_millis()).unwrap();
    let kept = [position(now - 8 * day), trip(now - 8 * day)];
    let old = [position(now - 12 * day), motion(now - 12 * day), trip(now - 12 * day), position(0)];
    // What is of the future was recorded now.
    let future = [position(now + 1000 * day), trip(now + 1000 * day)];
    sdk.upload(&kept).await.ok();
    let counted = platform.count_rows(&counted_bytes).await;
    sdk.upload(&old).await.ok();
    platform.until_rows(STORED, 2).await;
    assert_eq!(platform.count_rows(&counted_bytes).await, counted, "what is gone is counted no more");
    sdk.upload(&future).await.ok();

    let set = |span: &str| {
        let arguments = ["app", "set-retention", "--app", &platform.app_id, "--detections", span];
        platform.command().run(&arguments);
    };
    set("5d");
    platform.until_rows(STORED, 2).await;
    set("forever");
    platform.pass(6 * DAY);
    platform.pass(60 * DAY);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(platform.count_rows(STORED).await, 2);
    set("default");
    platform.until_rows(STORED, 0).await;
    platform.until_rows(&counted_bytes, 0).await;
    assert!(
        platform
            .command()
            .fail(&["app", "set-retention", "--app", &"0".repeat(24), "--detections", "1d"])
            .contains("no such application")
    );
    let audited = platform.audit(&[]);
    let changes = audited.iter().filter(|event| event["kind"] == "application_retention_changed").count();
    assert_eq!(changes, 3);
}
