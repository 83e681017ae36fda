//! Replicas of two versions on one database, while they are replaced one by one.

use crate::replicas::{Replicas, position};

/// A step that a later version might make: it adds what this version knows nothing of.
const LATER_STEP: &str = "
    alter table users add column nickname text;
    alter table installs add column battery bigint not null default 100;
    create table friends (app_id text not null, user_id text not null, friend_id text not null);
    create index users_by_nickname on users (app_id, nickname);
    insert into schema_migrations (version, works_since) select 20990101000000, max(version) from schema_migrations;
";

#[tokio::test]
async fn a_platform_works_while_and_after_a_later_version_has_added_to_the_schema() {
    let mut replicas = Replicas::start(1).await;
    let before = replicas.sdk_with_user(0, "alice").await;
    replicas.run(LATER_STEP).await;
    // The one that runs goes on, with the statements that it has prepared.
    let mut after = replicas.sdk_with_user(0, "alice").await;
    assert_eq!((before.state().await, after.state().await), ("inactive".to_owned(), "active".to_owned()));
    // And it starts again, should it have to.
    replicas.running.push(replicas.command.start(&["serve"]));
    let mut again = replicas.at(1, &after);
    again.refresh().await.ok();
    again.upload(&[position(1)]).await.ok();
    assert_eq!(again.state().await, "active");
    after = again;
    after.reset().await.ok();
    replicas.assert_consistent().await;
}

#[tokio::test]
async fn a_schema_that_this_version_does_not_work_with_is_refused() {
    let replicas = Replicas::start(0).await;
    let later =
        "insert into schema_migrations (version, works_since) values (20990101000000, 20990101000000)";
    replicas.run(later).await;
    let said = replicas.command.fail(&["serve"]);
    assert!(said.contains("a newer platform made it, with schema 20990101000000"), "{said}");
}

#[tokio::test]
async fn platforms_that_start_at_once_on_a_new_database_do_not_disturb_each_other() {
    let url = postgres_cluster::Cluster::shared().create_database().unwrap();
    let command = crate::support::Command::on(url.as_ref());
    let starting: Vec<_> = (0..4)
        .map(|_| {
            let command = command.clone();
            tokio::task::spawn_blocking(move || command.run(&["migrate"]))
        })
        .collect();
    for started in starting {
        assert!(started.await.unwrap().contains("is up to date"));
    }
}
