//! A disk that is full, or fails: the platform says so, goes on reading, keeps what it has, and goes on by itself.

use crate::{
    database,
    service::Service,
    support::{Answer, Command, SERVE, Sdk, ServerKey, key},
    volume::{HEEDLESS_OF_SIZES, Volume, limit_file_size},
};
use reqwest::{Method, StatusCode};
use sentiance_protocol::ErrorCode;
use serde_json::{Value, json};
use std::{collections::HashMap, time::Duration};
use tokio::time::{sleep, timeout};

/// Enough for the test's users, and soon filled by its own.
const MEGABYTES: u32 = 8;
/// More creations than a disk of that size has room for.
const MORE_THAN_ENOUGH: usize = 5000;
const PATIENCE: Duration = Duration::from_secs(60);

/// The people whose creation was acknowledged, and a device that the platform knows already.
struct World {
    created: HashMap<String, Sdk>,
    known: Sdk,
}

impl World {
    async fn new(service: &Service) -> Self {
        let mut world = World { created: HashMap::new(), known: Sdk::new(&service.backend_url()) };
        world.known.create_user(&service.backend().code("known").await).await.ok();
        // The first use of a token is written down; those after it are not.
        world.known.own_profile().await.ok();
        world
    }

    /// Creates users until one is refused; gives the refusal.
    async fn create_until_refused(&mut self, service: &Service) -> Answer {
        for _ in 0..MORE_THAN_ENOUGH {
            if let Err(refusal) = self.create(service).await {
                return refusal;
            }
        }
        panic!("nothing was refused");
    }

    async fn create(&mut self, service: &Service) -> Result<(), Answer> {
        let external_id = format!("person {}", self.created.len());
        let code = service.backend().ask_for_code(&external_id).await;
        if !code.status.is_success() {
            return Err(code);
        }
        let mut sdk = Sdk::new(&service.backend_url());
        let answer = sdk.create_user(code.ok()["authentication_code"].as_str().unwrap()).await;
        if !answer.status.is_success() {
            return Err(answer);
        }
        self.created.insert(external_id, sdk);
        Ok(())
    }

    /// What needs no room goes on.
    async fn assert_reads_go_on(&self, service: &Service) {
        let url = service.backend_url();
        let profile = service.backend().profile(&self.known.user_id).await.ok();
        assert_eq!(profile["external_id"], "known");
        let known = self.known.at(&url);
        assert_eq!(known.state().await, "active");
        known.own_profile().await.ok();
        assert_eq!(reqwest::get(format!("{url}/healthz")).await.unwrap().status(), StatusCode::OK);
    }

    async fn assert_all_there(&self, service: &Service) {
        for (external_id, sdk) in &self.created {
            assert_eq!(
                service.backend().profile(&sdk.user_id).await.ok()["external_id"],
                external_id.as_str()
            );
            assert_eq!(sdk.at(&service.backend_url()).state().await, "active");
        }
    }
}

#[track_caller]
fn assert_says_that_it_cannot_store(refusal: &Answer) {
    refusal.refused(ErrorCode::DatabaseUnavailable);
    assert_eq!(refusal.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refusal.header("retry-after"), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_loses_nothing_and_is_over_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let volume = Volume::new(&folder.path().join("disk"), MEGABYTES);
    let service = Service::start_on(&volume.folder().join("platform.db"), &volume.starter());
    let mut world = World::new(&service).await;
    for _ in 0..3 {
        for _ in 0..10 {
            world.create(&service).await.unwrap();
        }
        volume.fill(&service.pid());
        assert_says_that_it_cannot_store(&world.create_until_refused(&service).await);
        assert_many_at_once_are_answered(&service, &world.known).await;
        let ready = Answer::to(service.backend().request(Method::GET, "/readyz")).await;
        assert_says_that_it_cannot_store(&ready);
        world.assert_reads_go_on(&service).await;
        assert!(service.log().contains("the database cannot be read or written"), "{}", service.log());

        volume.free(&service.pid());
        world.create(&service).await.unwrap();
        Answer::to(service.backend().request(Method::GET, "/readyz")).await.ok();
        database::assert_sound(&volume.copy_of("platform.db", folder.path())).await;
    }
    world.assert_all_there(&service).await;
    service.assert_calm();
}

/// Uploads that together are more than what the database keeps in memory before a commit, and creations between them.
async fn assert_many_at_once_are_answered(service: &Service, known: &Sdk) {
    let detection = |time: usize| json!({ "id": key(), "time": time, "position": { "latitude": 50.8, "longitude": 4.4, "accuracy": 5.5 } });
    let uploads = (0..60).map(|upload| {
        let known = known.at(&service.backend_url());
        let detections: Vec<Value> = (0..200).map(|number| detection(upload * 200 + number)).collect();
        async move { known.upload(&detections).await }
    });
    let backend = service.backend();
    let creations = (0..60).map(|number| {
        let backend: ServerKey = backend.clone();
        async move { backend.ask_for_code(&format!("crowd {number}")).await }
    });
    let (uploaded, asked) = timeout(PATIENCE, async {
        tokio::join!(futures_util::future::join_all(uploads), futures_util::future::join_all(creations))
    })
    .await
    .expect("all are answered");
    let refusals = uploaded.iter().chain(&asked).filter(|answer| !answer.status.is_success());
    // All uploads are of one user, of whom only a few may wait at once.
    let refusals = refusals.filter(|answer| answer.error_code().as_deref() != Some("UNAVAILABLE"));
    assert!(refusals.map(assert_says_that_it_cannot_store).count() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_that_ends_or_dies_while_the_disk_is_full_starts_again_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let volume = Volume::new(&folder.path().join("disk"), MEGABYTES);
    let mut service = Service::start_on(&volume.folder().join("platform.db"), &volume.starter());
    let mut world = World::new(&service).await;
    for dies in [true, false] {
        let pid = service.pid();
        volume.fill(&pid);
        assert_says_that_it_cannot_store(&world.create_until_refused(&service).await);
        if dies {
            service.kill();
        } else {
            service.terminate().await;
        }
        if let Volume::Mounted { .. } = volume {
            // Whether it can start without room is the disk's affair; if not, it says why.
            let output = service.command.output(&["migrate"]);
            let complaint = String::from_utf8(output.stderr).unwrap();
            assert!(
                output.status.success() || complaint.contains("cannot be read or written"),
                "{complaint}"
            );
            volume.free(&pid);
        }
        service.restart();
        world.create(&service).await.unwrap();
        world.assert_all_there(&service).await;
        database::assert_sound(&volume.copy_of("platform.db", folder.path())).await;
    }
    service.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_in_writing_is_like_a_full_one() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start_on(&folder.path().join("platform.db"), HEEDLESS_OF_SIZES);
    let mut world = World::new(&service).await;
    for _ in 0..3 {
        // Even the first block cannot be written: SQLite calls it an I/O error, and not a full disk.
        limit_file_size(&service.pid(), "1");
        assert_says_that_it_cannot_store(&world.create_until_refused(&service).await);
        assert_many_at_once_are_answered(&service, &world.known).await;
        world.assert_reads_go_on(&service).await;
        limit_file_size(&service.pid(), "unlimited");
        world.create(&service).await.unwrap();
    }
    world.assert_all_there(&service).await;
    database::assert_sound(&service.database).await;
    service.assert_calm();
}

#[test]
fn a_read_only_disk_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let volume = Volume::new(&folder.path().join("disk"), MEGABYTES);
    let command = Command::on(&volume.folder().join("platform.db")).through(&volume.starter());
    command.run(&["migrate"]);
    volume.make_read_only();
    for task in [SERVE, &["migrate"], &["app", "create", "--name", "x"]] {
        let complaint = command.fail(task);
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        assert!(complaint.contains("cannot open the database"), "{complaint}");
        assert!(complaint.contains("readonly") || complaint.contains("unable to open"), "{complaint}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_gets_full_by_uploads_leaves_room_for_everything_else() {
    let folder = tempfile::tempdir().unwrap();
    let volume = Volume::new(&folder.path().join("disk"), 16);
    let Volume::Mounted { .. } = volume else {
        return println!("no file system can be mounted here");
    };
    let serve = &["serve", "--min-free-disk-bytes", "6000000", "--limit-upload-per-user", "off"];
    let service = Service::start_serving_on(&volume.folder().join("platform.db"), &volume.starter(), serve);
    let user = async |name: &str| {
        let mut sdk = Sdk::new(&service.backend_url());
        sdk.create_user(&service.backend().code(name).await).await.ok();
        sdk
    };
    let mut sdk = user("hoarder").await;
    let mut uploads = 0;
    // Trips: of all that can be uploaded, they take the most room.
    let trip = || {
        let texts = (0..50).map(|number| json!({ "key": number.to_string(), "value": "x".repeat(500) }));
        let trip = json!({ "started_at": 0, "metadata": texts.collect::<Vec<_>>() });
        json!({ "id": key(), "time": 0, "trip": trip })
    };
    let refusal = loop {
        let answer = sdk.upload(&[trip(), trip()]).await;
        if !answer.status.is_success() {
            break answer;
        }
        uploads += 1;
        assert!(uploads < 2000, "nothing was refused");
        // Slow enough that a look at the disk, which is small, is in time.
        sleep(Duration::from_millis(50)).await;
    };
    refusal.refused(ErrorCode::DatabaseUnavailable);
    assert!(uploads > 5, "{uploads}");
    assert!(service.log().contains("the disk is nearly full"), "{}", service.log());
    for number in 0..20 {
        let mut other = user(&format!("other {number}")).await;
        other.refresh().await.ok();
    }
    sdk.refresh().await.ok();
    sdk.delete_user(&sdk.user_id).await.ok();
    service.assert_calm();
}
