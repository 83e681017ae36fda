//! Detections that an earlier version stored one by one, which it did in files only.

use super::{START, iso, read_all};
use crate::support::{Command, Sdk, ServerKey, TestPlatform, new_database};
use sentiance_platform::domain::BringOver;
use serde_json::json;
use std::time::Duration;

/// What an earlier version stored for every user there is: positions at all times, motions, and one trip.
const OLD: &str = "
    insert into detections (app_id, user_id, detection_id, install_id, kind, time, content)
    with recursive n(n) as (select 0 union all select n + 1 from n where n < 1299)
    select u.app_id, u.user_id, printf('%032x', n.n), printf('%032x', 7), iif(n.n % 10 = 9, 'motion', 'position'),
        1700000000000 + (n.n * 7919) % 1300 * 60000,
        iif(n.n % 10 = 9,
            '{\"duration_ms\":10,\"samples\":6,\"acceleration_mean\":9.81,\"acceleration_max\":12.0}',
            '{\"latitude\":50.5,\"longitude\":4.25,\"accuracy\":5.0}')
    from users u, n;
    insert into detections (app_id, user_id, detection_id, install_id, kind, time, content)
    select app_id, user_id, printf('%032x', 5000), printf('%032x', 7), 'trip', 1700000000000,
        '{\"started_at\":1700000000000,\"metadata\":[{\"key\":\"a\",\"value\":\"b\"}]}'
    from users;
    update users set stored_bytes = (
        select sum(length(content) + 300) from detections d where d.app_id = users.app_id and d.user_id = users.user_id);
    update applications set stored_bytes = (select sum(stored_bytes) from users u where u.app_id = applications.app_id);
    insert into detection_conversion select 1, app_id, user_id from detections order by app_id, user_id limit 1";

const LEFT: &str = "select count(*) from detections";

#[tokio::test]
async fn detections_of_an_earlier_version_are_the_same_while_and_after_they_are_brought_over() {
    let platform = TestPlatform::start().await;
    let users = [platform.sdk_with_user("alice").await, platform.sdk_with_user("bob").await];
    // This platform looked for old rows when it started, and found none.
    platform.tamper(OLD).await;
    let expected = {
        let mut all: Vec<_> = (0..1300).map(|n| (n * 7919 % 1300, format!("{n:032x}"))).collect();
        all.push((0, format!("{:032x}", 5000)));
        all.sort();
        all.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
    };
    let check = async |sdk: &Sdk| {
        let read = read_all(&platform.server, &sdk.user_id, "limit=400").await;
        assert_eq!(read, expected);
        let last = platform.server.detections(&sdk.user_id, "?order=desc&limit=1&type=motion").await.ok();
        let newest = (0..1300).filter(|n| n % 10 == 9).map(|n| n * 7919 % 1300).max().unwrap();
        assert_eq!(last["detections"][0]["time"], iso(START + newest * 60_000));
    };
    let known = json!({
        "id": format!("{:032x}", 0), "time": START,
        "position": { "latitude": 50.5, "longitude": 4.25, "accuracy": 5.0 },
    });
    let (mut steps, mut is_over) = (0, false);
    while !is_over {
        for sdk in &users {
            check(sdk).await;
            assert_eq!(
                sdk.upload(std::slice::from_ref(&known)).await.ok(),
                json!({ "accepted": 0, "known": 1 })
            );
        }
        steps += 1;
        is_over = !platform.store.write(BringOver { now: platform.now() }).await.unwrap();
        if steps == 2 {
            // A trip goes on, wherever it is stored.
            let end = json!({ "started_at": START, "ended_at": START + 5, "metadata": [] });
            let end = json!({ "id": format!("{:032x}", 5000), "time": START, "trip": end });
            for sdk in &users {
                assert_eq!(sdk.upload(std::slice::from_ref(&end)).await.ok()["accepted"], 1);
            }
        }
    }
    assert!(steps > 5, "some at a time");
    assert_eq!(platform.count_rows(LEFT).await, 0);
    assert_eq!(platform.count_rows("select count(*) from detection_conversion").await, 0);
    for sdk in &users {
        check(sdk).await;
        let trips = platform.server.trips(&sdk.user_id, "").await.ok();
        assert_eq!(trips["trips"][0]["ended_at"], iso(START + 5));
        assert_eq!(trips["trips"][0]["metadata"], json!({ "a": "b" }));
        assert_eq!(trips["trips"][0]["install_id"], format!("{:032x}", 7));
    }
    let counted = "select abs(sum(u.stored_bytes) - (
            (select sum(length(content) + 300) from trips) + (select sum(length(content) + 400) from detection_blocks)))
        + abs(sum(u.stored_bytes) - (select stored_bytes from applications)) from users u";
    assert_eq!(platform.count_rows(counted).await, 0);
}

#[tokio::test]
async fn a_server_brings_over_what_it_finds_and_goes_on_where_another_ended() {
    let folder = tempfile::tempdir().unwrap();
    let database = new_database(&folder);
    let command = Command::on(database.name());
    let running = command.start(&["dev"]);
    let server = ServerKey::new(&running.url, &running.value_of("api key: "));
    for person in ["alice", "bob", "carol"] {
        let code = server.code(person).await;
        Sdk::new(&running.url).create_user(&code).await.ok();
    }
    running.kill();
    database.tamper(OLD).await;
    // Another process had finished the first of them, and died.
    database
        .tamper(
            "delete from detections where user_id = (select min(user_id) from users);
            update detection_conversion set user_id = (select min(user_id) from users)",
        )
        .await;
    let _running = command.start(&["dev"]);
    let done = async {
        while database.count(LEFT).await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), done).await.expect("it brings all of it over");
    let brought = "select (select sum(count) from detection_blocks) * 10 + (select count(*) from trips)";
    assert_eq!(database.count(brought).await, 2 * 1300 * 10 + 2);
}
