//! Behind pgbouncer, which gives each transaction whatever connection is free.

use crate::{
    helpers::Pgbouncer,
    races,
    replicas::{Replicas, in_time, position},
};
use postgres_cluster::Cluster;
use serde_json::Value;
use tokio::join;

/// Fewer than the platforms would have without it.
const CONNECTIONS: u32 = 3;

async fn two_behind(pooler: &Pgbouncer) -> Replicas {
    let direct = Cluster::shared().create_database().unwrap();
    let name = direct.rsplit_once('/').unwrap().1;
    let addresses = ["127.0.0.1:0".to_owned(), "127.0.0.1:0".to_owned()];
    Replicas::start_on(&pooler.url(name), &direct, &addresses, &[]).await
}

async fn two_slow_ones_behind(pooler: &Pgbouncer) -> Replicas {
    let replicas = two_behind(pooler).await;
    replicas.slow_down(races::TABLES).await;
    replicas
}

#[tokio::test]
async fn a_user_lives_behind_a_pooler() {
    let pooler = Pgbouncer::before(Cluster::shared().port(), CONNECTIONS);
    let replicas = two_behind(&pooler).await;
    let mut one = replicas.sdk_with_user(0, "alice").await;
    one.refresh().await.ok();
    let batch: Vec<Value> = (0..20).map(position).collect();
    assert_eq!(replicas.at(1, &one).upload(&batch).await.ok()["accepted"], 20);
    let page = replicas.server.detections(&one.user_id, "?limit=1000").await.ok();
    assert_eq!(page["detections"].as_array().unwrap().len(), 20);
    let mut stream = replicas.at(1, &one).follow("active").await;
    let other = replicas.sdk_with_user(0, "alice").await;
    in_time("another device took over", stream.tells("deactivated", "inactive")).await;
    let mut stream = replicas.at(1, &other).follow("active").await;
    replicas.server.delete(&other.user_id).await.ok();
    in_time("deleted", stream.ends_with("deleted", "USER_DELETED")).await;
    let connections = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
    assert!(
        replicas.count(connections).await <= CONNECTIONS.into(),
        "the platforms go through the pooler only"
    );
}

#[tokio::test]
async fn what_two_replicas_do_at_once_is_right_behind_a_pooler() {
    let pooler = Pgbouncer::before(Cluster::shared().port(), CONNECTIONS);
    let (one, other) = join!(two_slow_ones_behind(&pooler), two_slow_ones_behind(&pooler));
    join!(races::one_code(&one), races::two_codes(&other));
    let (one, other) = join!(two_slow_ones_behind(&pooler), two_slow_ones_behind(&pooler));
    join!(races::two_restorations(&one), races::repeated_creation(&other));
    let (one, other) = join!(two_slow_ones_behind(&pooler), two_slow_ones_behind(&pooler));
    join!(races::repeated_refresh(&one), races::two_refreshes(&other));
}
