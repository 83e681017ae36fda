//! What two replicas do at the same moment. SQLite has one writer, which takes one use case after the other; here each
//! pair of them meets in the database, where writes are slowed down for it.

use crate::{
    replicas::{Replicas, position},
    support::{Answer, Command, Sdk, key, tablet},
};
use reqwest::StatusCode;
use sentiance_protocol::ErrorCode;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    join,
    task::spawn_blocking,
    time::{sleep, timeout},
};

const ROUNDS: usize = 12;
pub(crate) const TABLES: &[&str] = &["users", "installs", "token_pairs", "authentication_codes"];

async fn two_replicas() -> Replicas {
    let replicas = Replicas::start(2).await;
    replicas.slow_down(TABLES).await;
    replicas
}

fn succeeded(answers: &[&Answer]) -> usize {
    answers.iter().filter(|answer| answer.status.is_success()).count()
}

/// The one that failed, of two.
fn failed<'a>(one: &'a Answer, other: &'a Answer) -> &'a Answer {
    assert_eq!(succeeded(&[one, other]), 1, "{} and {}", one.text, other.text);
    if one.status.is_success() { other } else { one }
}

async fn state_of(sdk: &Sdk) -> String {
    sdk.state().await
}

#[tokio::test]
async fn one_code_on_two_devices_gives_one_user() {
    one_code(&two_replicas().await).await;
}

pub(crate) async fn one_code(replicas: &Replicas) {
    for round in 0..ROUNDS {
        let code = replicas.server.code(&format!("user {round}")).await;
        let (one, other) = (replicas.sdk(0), replicas.sdk(1));
        let (keys, code) = ((key(), key()), &*code);
        let (first, second) = join!(one.exchange(code, &keys.0), other.exchange(code, &keys.1));
        failed(&first, &second).refused(ErrorCode::AuthenticationCodeInvalid);
    }
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn two_codes_of_a_new_external_id_give_one_user_with_one_active_device() {
    two_codes(&two_replicas().await).await;
}

pub(crate) async fn two_codes(replicas: &Replicas) {
    for round in 0..ROUNDS {
        let external_id = format!("user {round}");
        let codes = (replicas.server.code(&external_id).await, replicas.server.code(&external_id).await);
        let (mut one, mut other) = (replicas.sdk(0), replicas.sdk(1));
        let (first, second) = join!(one.create_user(&codes.0), other.create_user(&codes.1));
        assert_eq!(succeeded(&[&first, &second]), 2);
        let created = [first, second].iter().filter(|answer| answer.status == StatusCode::CREATED).count();
        assert_eq!((one.user_id == other.user_id, created), (true, 1));
        let mut states = [state_of(&one).await, state_of(&other).await];
        states.sort();
        assert_eq!(states, ["active", "inactive"]);
    }
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn a_user_who_is_restored_twice_at_once_has_one_active_device() {
    two_restorations(&two_replicas().await).await;
}

pub(crate) async fn two_restorations(replicas: &Replicas) {
    for round in 0..ROUNDS {
        let external_id = format!("user {round}");
        let before = replicas.sdk_with_user(0, &external_id).await;
        let codes = (replicas.server.code(&external_id).await, replicas.server.code(&external_id).await);
        let (mut one, mut other) = (replicas.sdk(0), replicas.sdk(1));
        let (first, second) = join!(one.create_user(&codes.0), other.create_user(&codes.1));
        first.ok();
        second.ok();
        let mut states = [state_of(&before).await, state_of(&one).await, state_of(&other).await];
        states.sort();
        assert_eq!(states, ["active", "inactive", "inactive"]);
    }
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn a_phone_is_active_though_a_tablet_comes_at_the_same_moment() {
    let replicas = two_replicas().await;
    for round in 0..ROUNDS {
        let external_id = format!("user {round}");
        replicas.sdk_with_user(0, &external_id).await;
        let codes = (replicas.server.code(&external_id).await, replicas.server.code(&external_id).await);
        let (mut phone, mut other) = (replicas.sdk(0), replicas.sdk(1).on(tablet()));
        let (first, second) = join!(phone.create_user(&codes.0), other.create_user(&codes.1));
        first.ok();
        second.ok();
        assert_eq!((&*state_of(&phone).await, &*state_of(&other).await), ("active", "inactive"));
    }
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn a_creation_that_is_repeated_while_it_is_under_way_gives_a_session_that_works() {
    repeated_creation(&two_replicas().await).await;
}

pub(crate) async fn repeated_creation(replicas: &Replicas) {
    for round in 0..ROUNDS {
        let code = replicas.server.code(&format!("user {round}")).await;
        let (mut one, key) = (replicas.sdk(0), key());
        let mut other = replicas.at(1, &one);
        let (first, second) = join!(one.exchange(&code, &key), other.exchange(&code, &key));
        one.remember_user(&first);
        other.remember_user(&second);
        first.ok();
        second.ok();
        assert_eq!(one.user_id, other.user_id);
        one_works(&mut one, &mut other).await;
    }
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn a_refresh_that_is_repeated_while_it_is_under_way_gives_a_session_that_works() {
    repeated_refresh(&two_replicas().await).await;
}

pub(crate) async fn repeated_refresh(replicas: &Replicas) {
    for round in 0..ROUNDS {
        let mut one = replicas.sdk_with_user(0, &format!("user {round}")).await;
        let (mut other, key) = (replicas.at(1, &one), key());
        let (first, second) = join!(one.send_refresh(&key), other.send_refresh(&key));
        first.ok();
        second.ok();
        one.remember_token(&first);
        other.remember_token(&second);
        one_works(&mut one, &mut other).await;
    }
    replicas.assert_consistent().await;
}

/// Whichever of two sessions of one install is used first is good.
async fn one_works(one: &mut Sdk, other: &mut Sdk) {
    assert_eq!(state_of(one).await, "active");
    one.refresh().await.ok();
    assert!(!other.config().await.status.is_success());
    assert_eq!(state_of(one).await, "active");
}

#[tokio::test]
async fn a_refresh_token_that_two_use_at_once_is_good_once() {
    two_refreshes(&two_replicas().await).await;
}

pub(crate) async fn two_refreshes(replicas: &Replicas) {
    for round in 0..ROUNDS {
        let one = replicas.sdk_with_user(0, &format!("user {round}")).await;
        let (other, keys) = (replicas.at(1, &one), (key(), key()));
        let (first, second) = join!(one.send_refresh(&keys.0), other.send_refresh(&keys.1));
        assert!(!failed(&first, &second).status.is_server_error(), "{}", failed(&first, &second).text);
    }
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn a_device_that_is_reset_while_another_comes_leaves_the_other_active() {
    let replicas = two_replicas().await;
    for round in 0..ROUNDS {
        let external_id = format!("user {round}");
        let one = replicas.sdk_with_user(0, &external_id).await;
        let (mut other, code) = (replicas.sdk(1), replicas.server.code(&external_id).await);
        let (reset, created) = join!(one.reset(), other.create_user(&code));
        reset.ok();
        created.ok();
        assert_eq!(state_of(&other).await, "active");
        one.config().await.refused(ErrorCode::SessionEnded);
    }
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn two_users_who_are_linked_to_one_new_external_id_are_one() {
    let replicas = two_replicas().await;
    for round in 0..ROUNDS {
        let external_id = format!("user {round}");
        let (one, other) = join!(replicas.sdk_with_unlinked_user(0), replicas.sdk_with_unlinked_user(1));
        let at_other = replicas.server.at(&replicas.running[1].url);
        let (first, second) = join!(
            replicas.server.link(&one.install_id, &external_id),
            at_other.link(&other.install_id, &external_id),
        );
        assert_eq!(first.ok()["id"], second.ok()["id"]);
        let (first, second) = join!(one.confirm_link(), other.confirm_link());
        assert_eq!(first.ok()["user_id"], second.ok()["user_id"]);
    }
    let users = "select count(*) from users where external_id is not null";
    assert_eq!(replicas.count(users).await, i64::try_from(ROUNDS).unwrap());
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn a_code_that_links_two_users_at_once_links_one() {
    let replicas = two_replicas().await;
    for round in 0..ROUNDS {
        let (one, other) = join!(replicas.sdk_with_unlinked_user(0), replicas.sdk_with_unlinked_user(1));
        let code = replicas.server.code(&format!("user {round}")).await;
        let (first, second) = join!(one.link_by_code(&code), other.link_by_code(&code));
        let error = failed(&first, &second).error_code();
        assert!(!failed(&first, &second).status.is_server_error(), "{error:?}");
    }
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn a_batch_that_is_repeated_while_it_is_under_way_is_stored_once() {
    let replicas = Replicas::start(2).await;
    replicas.slow_down(&["detection_blocks", "users"]).await;
    for round in 0..ROUNDS {
        let one = replicas.sdk_with_user(0, &format!("user {round}")).await;
        let other = replicas.at(1, &one);
        let batch: Vec<Value> = (0..20).map(position).collect();
        let (first, second) = join!(one.upload(&batch), other.upload(&batch));
        let (first, second) = (first.ok(), second.ok());
        let sum = |field: &str| first[field].as_u64().unwrap() + second[field].as_u64().unwrap();
        assert_eq!((sum("accepted"), sum("known")), (20, 20), "{first} {second}");
        let page = replicas.server.detections(&one.user_id, "?limit=1000").await.ok();
        assert_eq!(page["detections"].as_array().unwrap().len(), 20);
    }
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn batches_of_one_user_that_come_at_once_are_all_stored() {
    let replicas = Replicas::start(2).await;
    replicas.slow_down(&["detection_blocks", "users"]).await;
    for round in 0..ROUNDS {
        let one = replicas.sdk_with_user(0, &format!("user {round}")).await;
        let other = replicas.at(1, &one);
        let (even, odd): (Vec<Value>, Vec<Value>) =
            ((0..20).map(|n| position(2 * n)).collect(), (0..20).map(|n| position(2 * n + 1)).collect());
        let (first, second) = join!(one.upload(&even), other.upload(&odd));
        assert_eq!((&first.ok()["accepted"], &second.ok()["accepted"]), (&20.into(), &20.into()));
        let page = replicas.server.detections(&one.user_id, "?limit=1000").await.ok();
        assert_eq!(page["detections"].as_array().unwrap().len(), 40);
    }
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn a_user_who_is_disabled_while_a_device_comes_is_disabled() {
    let replicas = two_replicas().await;
    for round in 0..4 {
        let external_id = format!("user {round}");
        let one = replicas.sdk_with_user(0, &external_id).await;
        let (mut other, code) = (replicas.sdk(1), replicas.server.code(&external_id).await);
        let (command, app, user) =
            (replicas.command.clone(), replicas.app_id().to_owned(), one.user_id.clone());
        let disabled = tokio::task::spawn_blocking(move || {
            command.run(&["user", "disable", "--app", &app, &user]);
        });
        let (disabled, created) = join!(disabled, other.create_user(&code));
        disabled.unwrap();
        created.ok();
        assert_eq!(state_of(&other).await, "disabled");
    }
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn what_is_uploaded_while_its_user_is_deleted_goes_too() {
    let replicas = Replicas::start(2).await;
    replicas.slow_down(&["detection_blocks", "users"]).await;
    for round in 0..ROUNDS {
        let one = replicas.sdk_with_user(0, &format!("user {round}")).await;
        let at_other = replicas.server.at(&replicas.running[1].url);
        let batch: Vec<Value> = (0..20).map(position).collect();
        let (uploaded, deleted) = join!(one.upload(&batch), at_other.delete(&one.user_id));
        deleted.ok();
        assert!(!uploaded.status.is_server_error(), "{}", uploaded.text);
    }
    replicas.until_leftovers_are_gone().await;
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn a_deleted_user_whose_row_is_locked_by_another_is_removed_soon() {
    let replicas = Replicas::start(1).await;
    let sdk = replicas.sdk_with_user(0, "alice").await;
    let lock = "begin; select 1 from users for no key update";
    let (before, after) = (replicas.connect().await, replicas.connect().await);
    before.batch_execute(lock).await.unwrap();
    let (deleted, _) = join!(replicas.server.delete(&sdk.user_id), async {
        // Behind the deletion, and so it has the row when what is left is looked for.
        replicas.until_waiting(1).await;
        let locked = async { after.batch_execute(lock).await.unwrap() };
        let released = async {
            replicas.until_waiting(2).await;
            before.batch_execute("commit").await.unwrap();
        };
        join!(locked, released);
        sleep(Duration::from_millis(500)).await;
        after.batch_execute("commit").await.unwrap();
    });
    deleted.ok();
    replicas.until_leftovers_are_gone().await;
}

/// What is left of a platform that hangs must not cost the operator the secret, which is shown once.
#[tokio::test]
async fn a_new_secret_is_shown_though_requests_with_the_former_do_not_end() {
    let replicas = Replicas::start(1).await;
    let hanging = replicas.connect().await;
    hanging.batch_execute("set application_name = 'sentiance-platform'; begin; select 1").await.unwrap();
    let (command, app_id) = (replicas.command.clone(), replicas.app_id().to_owned());
    let rotated = spawn_blocking(move || command.output(&["app", "rotate-secret", "--app", &app_id]));
    let rotated = rotated.await.unwrap();
    assert!(!rotated.status.success());
    let (shown, said) =
        (String::from_utf8(rotated.stdout).unwrap(), String::from_utf8(rotated.stderr).unwrap());
    assert!(said.contains("this is done, but requests that had begun may still use the former"), "{said}");
    let secret = Command::value_of(&shown, "app secret: ");
    let credentials = json!({ "id": replicas.app_id(), "secret": secret, "linking": true });
    replicas.sdk(0).create_unlinked_user(&credentials).await.ok();
}

/// A key is read without a lock, so the request goes on; but it has ended before the operator is told that it cannot.
#[tokio::test]
async fn a_key_that_was_revoked_has_no_effect_after_that_was_said() {
    let replicas = Replicas::start(1).await;
    let listed = replicas.command.run(&["api-key", "list", "--app", replicas.app_id()]);
    let key_id = listed.split_whitespace().next().unwrap().to_owned();
    let lock = replicas.connect().await;
    lock.batch_execute("begin; lock table authentication_codes in share mode").await.unwrap();
    let (asked, _) = join!(replicas.server.ask_for_code("alice"), async {
        replicas.until_waiting(1).await;
        let (command, app_id) = (replicas.command.clone(), replicas.app_id().to_owned());
        let mut revoking =
            spawn_blocking(move || command.run(&["api-key", "revoke", "--app", &app_id, &key_id]));
        let early = timeout(Duration::from_secs(1), &mut revoking).await;
        assert!(early.is_err(), "{early:?}: the request with the key is under way");
        lock.batch_execute("commit").await.unwrap();
        revoking.await.unwrap();
    });
    asked.ok();
    replicas.server.ask_for_code("bob").await.refused(ErrorCode::ApiKeyRevoked);
}
