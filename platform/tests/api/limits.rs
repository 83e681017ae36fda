//! Bodies that are too large, callers that are too slow.

use crate::support::{Answer, TestPlatform};
use reqwest::Method;
use sentiance_platform::http::Settings;
use sentiance_protocol::ErrorCode;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

async fn connect(platform: &TestPlatform) -> TcpStream {
    TcpStream::connect(platform.url.strip_prefix("http://").unwrap()).await.unwrap()
}

async fn answer_of(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn the_largest_body_is_16_kib() {
    let platform = TestPlatform::start().await;
    let filled = |length: usize| {
        let start = "{\"external_id\":\"alice\"";
        format!("{start}{}}}", " ".repeat(length - start.len() - 1))
    };
    let send = async |length| {
        let request = platform.server.request(Method::POST, "/users/auth-code");
        Answer::to(request.header("content-type", "application/json").body(filled(length))).await
    };
    send(16 * 1024).await.ok();
    send(16 * 1024 + 1).await.refused(ErrorCode::PayloadTooLarge);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_cut_off_at_16_kib() {
    let platform = TestPlatform::start().await;
    let mut stream = connect(&platform).await;
    let head = "POST /sdk/v1/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    for _ in 0..5 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    assert!(answer_of(&mut stream).await.contains(ErrorCode::PayloadTooLarge.as_str()));
}

#[tokio::test]
async fn a_caller_that_never_finishes_its_headers_is_cut_off() {
    let settings = Settings { arrival_deadline: Duration::from_millis(200), ..Settings::default() };
    let platform = TestPlatform::start_with(settings).await;
    let mut stream = connect(&platform).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    let answer = answer_of(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_request_that_takes_too_long_in_all_is_given_up() {
    let settings = Settings { request_deadline: Duration::from_millis(200), ..Settings::default() };
    let platform = TestPlatform::start_with(settings).await;
    let mut stream = connect(&platform).await;
    let head = "POST /sdk/v1/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                content-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = answer_of(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains(ErrorCode::RequestTimeout.as_str()),
        "{answer}"
    );
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let platform = TestPlatform::start().await;
    let mut stream = connect(&platform).await;
    let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "x".repeat(64 * 1024));
    // The platform may close before it has read all of it.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = String::new();
    let _ = timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_caller_that_never_reads_its_answers_is_cut_off() {
    let settings = Settings { request_deadline: Duration::from_millis(200), ..Settings::default() };
    let platform = TestPlatform::start_with(settings).await;
    let mut stream = connect(&platform).await;
    let many = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1_000);
    // Until the answers that nobody reads fill every buffer: then the server gives up, and so writing fails.
    let until_refused = async { while stream.write_all(&many).await.is_ok() {} };
    timeout(Duration::from_secs(20), until_refused).await.unwrap();
}
