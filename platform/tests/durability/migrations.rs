//! The process is killed while it brings the schema up to date.

use crate::{
    database,
    support::{Command, database_of_the_first_version},
};
use std::{fs, path::Path, time::Duration};
use tokio::time::{sleep, timeout};

/// Enough for a migration to write more than it keeps in memory.
const USERS: i64 = 40_000;

#[tokio::test]
async fn a_migration_that_was_killed_has_changed_nothing_and_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.db");
    database_of_the_first_version(&file).await;
    let many_users = format!(
        "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < {USERS})
        insert into users select app_id, printf('%024x', n), 'person ' || n, n, null from numbers, applications"
    );
    database::tamper(&file, many_users).await;
    let command = Command::on(&file);

    let mut killed = 0;
    // Each time at another moment: when the log, which grows while the migration writes, has reached this size.
    for size in [1, 500_000, 1_000_000, 2_000_000, 3_000_000] {
        let mut migrating = command.spawn(&["migrate"]);
        let writes = async {
            while size_of_log(&file) < size && migrating.try_wait().unwrap().is_none() {
                sleep(Duration::from_micros(200)).await;
            }
        };
        timeout(Duration::from_secs(60), writes).await.expect("it migrates");
        migrating.kill().unwrap();
        if migrating.wait().unwrap().success() {
            continue;
        }
        killed += 1;
        assert_eq!(database::count(&file, "select count(*) from users").await, USERS + 1);
        let versions = database::count(&file, "select count(*) from _sqlx_migrations").await;
        let newest =
            database::count(&file, "select count(*) from sqlite_schema where name = 'detection_blocks'")
                .await;
        assert_eq!(versions > 1, newest == 1, "all of the migrations or none");
    }
    assert!(killed > 0, "it was killed in the middle at least once");
    command.run(&["migrate"]);
    assert_eq!(database::count(&file, "select count(*) from users").await, USERS + 1);
    assert!(command.run(&["check"]).contains("is sound"));
    database::count(&file, "select count(*) from detection_blocks").await;
}

fn size_of_log(file: &Path) -> u64 {
    fs::metadata(format!("{}-wal", file.display())).map_or(0, |metadata| metadata.len())
}
