//! The database's files go away while it is in use, or there are no file descriptors left.

use crate::{
    database,
    service::Service,
    support::{Command, SERVE, Sdk},
};
use sentiance_protocol::ErrorCode;
use std::{fs, path::PathBuf, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_that_goes_into_a_file_which_was_moved_away() {
    let service = Service::start();
    let mut sdk = Sdk::new(&service.backend_url());
    sdk.create_user(&service.backend().code("alice").await).await.ok();
    sdk.own_profile().await.ok();
    let log: PathBuf = format!("{}-wal", service.database.display()).into();
    for file in [&service.database, &log] {
        let away = service.folder().join("away");
        fs::rename(file, &away).unwrap();
        service.backend().ask_for_code("bob").await.refused(ErrorCode::DatabaseUnavailable);
        sdk.own_profile().await.ok();
        // Not even by another file in its place.
        fs::copy(&away, file).unwrap();
        service.backend().ask_for_code("bob").await.refused(ErrorCode::DatabaseUnavailable);
        fs::rename(&away, file).unwrap();
        service.backend().ask_for_code("bob").await.ok();
    }
    assert!(service.log().contains("was moved, deleted or replaced"), "{}", service.log());
    service.assert_calm();
    database::assert_sound(&service.database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_without_its_database_is_not_thrown_away() {
    let mut service = Service::start();
    let mut sdk = Sdk::new(&service.backend_url());
    sdk.create_user(&service.backend().code("alice").await).await.ok();
    service.kill();
    // A platform empties its log once soon after its start, and then there is none to be thrown away.
    let log = service.folder().join("platform.db-wal");
    for person in 0..5 {
        if fs::metadata(&log).unwrap().len() > 0 {
            break;
        }
        service.restart();
        service.backend().code(&person.to_string()).await;
        service.kill();
    }
    assert!(fs::metadata(&log).unwrap().len() > 0, "the log holds something");
    let away = service.folder().join("away");
    fs::rename(&service.database, &away).unwrap();
    for _ in 0..2 {
        let complaint = service.command.fail(&["migrate"]);
        assert!(complaint.contains("its log") && complaint.contains("is there"), "{complaint}");
        // The second time there is an empty file, as a copy that failed leaves behind.
        fs::write(&service.database, "").unwrap();
    }
    fs::rename(&away, &service.database).unwrap();
    service.restart();
    assert_eq!(sdk.at(&service.backend_url()).state().await, "active");
}

/// Asks for a code over this connection, and no other: a client with a pool may open another one at any time.
async fn ask_for_code(connection: &mut TcpStream, api_key: &str, external_id: &str) {
    let body = format!(r#"{{"external_id":"{external_id}"}}"#);
    let request = format!(
        "POST /users/auth-code HTTP/1.1\r\nhost: platform\r\nauthorization: Bearer {api_key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // The answer's body is one object.
    while !answer.ends_with('}') {
        let mut part = [0; 4096];
        let length = timeout(Duration::from_secs(60), connection.read(&mut part)).await.unwrap().unwrap();
        assert!(length > 0, "the connection was closed after {answer:?}");
        answer.push_str(str::from_utf8(&part[..length]).unwrap());
    }
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_file_descriptors_known_connections_are_served_and_others_wait() {
    let few = ["sh", "-c", "ulimit -n 48; exec \"$0\" \"$@\""];
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start_on(&folder.path().join("platform.db"), &few);
    let backend = service.backend();
    let address = service.backend_url().strip_prefix("http://").unwrap().to_owned();
    let mut known = TcpStream::connect(&address).await.unwrap();
    ask_for_code(&mut known, &backend.secret, "first").await;
    let mut idle = Vec::new();
    for _ in 0..80 {
        idle.push(TcpStream::connect(&address).await.unwrap());
    }
    // On the connection that is open already; the database needs none.
    for number in 0..20 {
        ask_for_code(&mut known, &backend.secret, &format!("person {number}")).await;
    }
    drop((known, idle));
    let mut sdk = Sdk::new(&service.backend_url());
    sdk.create_user(&backend.code("last").await).await.ok();
    service.assert_calm();
}

#[test]
fn a_start_with_too_few_file_descriptors_ends_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.db");
    Command::on(&file).run(&["migrate"]);
    // From what is hardly enough to say anything to what is nearly enough to serve.
    for limit in 8..24 {
        let starter = ["sh", "-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")];
        let arguments = [SERVE, &["--address", "192.0.2.1:1"]].concat();
        let output = Command::on(&file).through(&starter).output(&arguments);
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{limit}: {complaint}");
        // Where the database could be opened, the log has warned before.
        let lines: Vec<&str> = complaint.lines().filter(|line| !line.contains(" WARN ")).collect();
        let [line] = lines[..] else { panic!("{limit}: {complaint}") };
        assert!(line.starts_with("platform: cannot "), "{limit}: {complaint}");
    }
}
