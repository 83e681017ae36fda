//! The server as a process: its start, its end, and a power cut.

use crate::support::{Command, EventStream, Running, Sdk, ServerKey, empty_database, key, new_database};
use reqwest::StatusCode;
use sentiance_protocol::ErrorCode;
use std::time::Duration;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

fn in_empty_folder() -> (TempDir, Command) {
    let folder = tempfile::tempdir().unwrap();
    let command = Command::on(empty_database(&folder).name());
    (folder, command)
}

fn demo_server(running: &Running) -> ServerKey {
    ServerKey::new(&running.url, &running.value_of("api key: "))
}

#[tokio::test]
async fn a_user_whose_creation_was_acknowledged_survives_a_power_cut() {
    let (_folder, command) = in_empty_folder();
    let running = command.start(&["dev"]);
    let secret = running.value_of("api key: ");
    let mut sdk = Sdk::new(&running.url);
    sdk.create_user(&demo_server(&running).code("alice").await).await.ok();
    running.kill();

    let restarted = command.start(&["dev"]);
    let server = ServerKey::new(&restarted.url, &secret);
    assert_eq!(server.profile(&sdk.user_id).await.ok()["external_id"], "alice");
    let mut survivor = Sdk::new(&restarted.url);
    survivor.access_token = sdk.access_token;
    assert_eq!(survivor.state().await, "active");
}

#[tokio::test]
async fn a_request_under_way_is_finished_when_the_server_is_asked_to_end() {
    let (_folder, command) = in_empty_folder();
    let mut running = command.start(&["dev"]);
    let code = demo_server(&running).code("alice").await;
    let body = Sdk::new(&running.url).creation(&code, &key()).to_string();
    let address = running.url.strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /sdk/v1/users HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let (first, rest) = body.split_at(10);
    stream.write_all(format!("{head}{first}").as_bytes()).await.unwrap();
    // The server has the request when another one, sent later, was answered.
    assert_eq!(reqwest::get(format!("{}/healthz", running.url)).await.unwrap().status(), StatusCode::OK);

    running.terminate();
    let no_more = async {
        while TcpStream::connect(&address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), no_more).await.expect("it takes no new connections");
    // Time for a server that does not wait to end; one that does cannot fail here, however slow the machine is.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!running.has_ended(), "it waits for the request");
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let (succeeded, log) = running.wait();
    assert!(succeeded, "{log}");
}

#[tokio::test]
async fn serve_prints_where_it_listens_and_starts_without_an_application() {
    let (_folder, command) = in_empty_folder();
    let running = command.start(&["serve", "--public-url", "https://platform.example.com/"]);
    assert_eq!(running.value_of("public url: "), "https://platform.example.com");
    for path in ["healthz", "readyz"] {
        let answer = reqwest::get(format!("{}/{path}", running.url)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let page = Sdk::new(&running.url).in_page("http://localhost:3000");
    page.exchange("", &key()).await.refused(ErrorCode::OriginNotAllowed);
}

#[tokio::test]
async fn the_sdk_behaves_as_the_options_say() {
    let (_folder, command) = in_empty_folder();
    let options = [
        ("--status-poll-seconds", "status_poll_seconds", 5),
        ("--trip-timeout-seconds", "trip_timeout_seconds", 60),
        ("--upload-interval-seconds", "upload_interval_seconds", 2),
        ("--disk-quota-bytes", "disk_quota_bytes", 0),
        ("--wifi-quota-bytes", "wifi_quota_bytes", 2_000_000),
        ("--mobile-quota-bytes", "mobile_quota_bytes", 3_000_000),
    ];
    let values = options.map(|(_, _, value)| value.to_string());
    let mut arguments = vec!["dev"];
    for ((option, ..), value) in options.iter().zip(&values) {
        arguments.extend([*option, value]);
    }
    let running = command.start(&arguments);
    let mut sdk = Sdk::new(&running.url);
    let config = sdk.create_user(&demo_server(&running).code("alice").await).await.ok()["config"].clone();
    for (_, field, value) in options {
        assert_eq!(config[field], value, "{field}");
    }
}

#[tokio::test]
async fn streams_and_the_audit_log_are_bounded_as_the_options_say() {
    let (_folder, command) = in_empty_folder();
    let running = command.start(&["dev", "--event-streams", "1"]);
    let server = demo_server(&running);
    let mut sdk = Sdk::new(&running.url);
    sdk.create_user(&server.code("alice").await).await.ok();
    let stream = sdk.follow("active").await;
    EventStream::try_open(sdk.events()).await.unwrap_err().refused(ErrorCode::Unavailable);
    drop(stream);
    let app = running.value_of("app id: ");
    assert_ne!(command.run(&["audit", "list", "--app", &app]), "");
    running.terminate();
    assert!(running.ends_well());
    let restarted = command.start(&["dev", "--audit-retention", "1ms"]);
    let forgotten = async {
        while !command.run(&["audit", "list", "--app", &app]).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), forgotten).await.unwrap();
    drop(restarted);
}

#[tokio::test]
async fn dev_shows_its_key_and_its_secret_once() {
    let (_folder, command) = in_empty_folder();
    let first = command.start(&["dev"]);
    let (app, secret) = (first.value_of("app id: "), first.value_of("api key: "));
    assert!(secret.starts_with("stk_"));
    let app_secret = first.value_of("app secret: ");
    first.terminate();
    let (succeeded, _) = first.wait();
    assert!(succeeded);

    let second = command.start(&["dev"]);
    assert_eq!(second.value_of("app id: "), app);
    assert!(!second.printed.contains("stk_") && !second.printed.contains("sas_"), "{}", second.printed);
    let credentials = serde_json::json!({ "id": app, "secret": app_secret, "linking": false });
    Sdk::new(&second.url).create_unlinked_user(&credentials).await.ok();
    ServerKey::new(&second.url, &secret).ask_for_code("alice").await.ok();
}

#[tokio::test]
async fn no_secret_is_found_in_the_database_or_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let database = new_database(&folder);
    let running = Command::on(database.name()).start(&["dev"]);
    let server = demo_server(&running);
    let code = server.code("alice").await;
    let mut sdk = Sdk::new(&running.url);
    sdk.create_user(&code).await.ok();
    let mut secrets = vec![server.secret.clone(), code.clone(), running.value_of("app secret: ")];
    secrets.extend([sdk.access_token.clone(), sdk.refresh_token.clone()]);
    sdk.refresh().await.ok();
    secrets.extend([sdk.access_token.clone(), sdk.refresh_token.clone()]);
    // Refusals are what the log tells about.
    sdk.exchange(&code, &key()).await.refused(ErrorCode::AuthenticationCodeInvalid);
    sdk.reset().await.ok();
    sdk.own_profile().await.refused(ErrorCode::SessionEnded);
    server.profile("alice").await.refused(ErrorCode::UserNotFound);

    let mut written = Vec::new();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        written.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    database.elsewhere().await.into_iter().for_each(|(_, bytes)| written.extend(bytes));
    running.terminate();
    let (_, log) = running.wait();
    assert!(log.contains("SESSION_ENDED") && log.contains("ref="), "the log tells of refusals: {log}");
    let written = String::from_utf8_lossy(&written);
    for secret in secrets {
        assert!(!log.contains(&secret) && !written.contains(&secret));
    }
    assert!(!log.contains("alice"), "no personal data in the log");
}

#[tokio::test]
async fn the_reference_of_an_answer_is_found_in_the_log() {
    let (_folder, command) = in_empty_folder();
    let running = command.start(&["serve"]);
    let answer = reqwest::get(format!("{}/v2/users/me", running.url)).await.unwrap().text().await.unwrap();
    let body: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let reference = body["ref"].as_str().unwrap();
    running.terminate();
    let (_, log) = running.wait();
    let line = log.lines().find(|line| line.contains(reference)).expect("a line with the reference");
    assert!(line.contains("CREDENTIALS_MISSING") && line.contains("/v2/users/me"), "{line}");
}

#[test]
fn processes_that_start_at_once_on_a_new_file_do_not_disturb_each_other() {
    let (_folder, command) = in_empty_folder();
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| command.run(&["migrate"]))).collect();
        starts.into_iter().for_each(|start| assert!(start.join().unwrap().contains("up to date")));
    });
    assert_eq!(command.run(&["app", "list"]), "");
}

#[tokio::test]
async fn a_reader_of_the_log_that_goes_away_takes_nothing_along() {
    let (_folder, command) = in_empty_folder();
    let mut running = command.start(&["dev"]);
    running.stop_reading_log();
    // Each of these is logged.
    for _ in 0..3 {
        let answer = reqwest::get(format!("{}/nope", running.url)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
    demo_server(&running).code("alice").await;
    running.terminate();
    assert!(running.ends_well(), "it stops as it should");
}
