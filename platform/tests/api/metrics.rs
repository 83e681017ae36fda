//! The metrics: what is counted, that nobody can make them grow or read an id in them, and where they are told.

use crate::support::{Answer, Command, Database, Running, Sdk, ServerKey, is_on_postgres, key, new_database};
use reqwest::{Client, Method};
use sentiance_protocol::ErrorCode;
use std::{net::SocketAddr, time::Duration};
use tempfile::TempDir;
use tokio::{net::TcpStream, time::timeout};

struct Measured {
    running: Running,
    server: ServerKey,
    metrics_url: String,
    database: Database,
    _folder: TempDir,
}

fn start(options: &[&str]) -> Measured {
    let folder = tempfile::tempdir().unwrap();
    let database = new_database(&folder);
    let command = Command::on(database.name());
    let running = command.start(&[&["dev", "--metrics-address", "127.0.0.1:0"], options].concat());
    let server = ServerKey::new(&running.url, &running.value_of("api key: "));
    let metrics_url = running.value_of("metrics on ");
    Measured { running, server, metrics_url, database, _folder: folder }
}

impl Measured {
    async fn scrape(&self) -> String {
        let answer = Answer::to(Client::new().get(&self.metrics_url)).await;
        assert_eq!(answer.status, 200);
        let content_type = answer.header("content-type").unwrap();
        assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"), "{content_type}");
        assert!(answer.text.ends_with("# EOF\n"));
        answer.text
    }
}

/// The value of a metric; its labels in the order in which they are written.
#[track_caller]
fn value(text: &str, metric: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {metric} in {text}")).parse().unwrap()
}

#[tokio::test]
async fn what_happens_is_counted() {
    let measured = start(&["--limit-failures", "1/h:1"]);
    let Measured { running, server, database, .. } = &measured;
    let code = server.code("alice").await;
    let mut sdk = Sdk::new(&running.url);
    sdk.create_user(&code).await.ok();
    let mut second = Sdk::new(&running.url);
    second.create_user(&server.code("alice").await).await.ok();
    sdk.exchange(&code, &key()).await.refused(ErrorCode::AuthenticationCodeInvalid);
    sdk.exchange("garbage", &key()).await.refused(ErrorCode::TooManyRequests);
    let copy = second.clone();
    second.refresh().await.ok();
    second.refresh().await.ok();
    copy.send_refresh(&key()).await.refused(ErrorCode::SessionEnded);
    let mut third = Sdk::new(&running.url);
    third.create_user(&server.code("carol").await).await.ok();
    database.tamper("update users set external_id = '' where external_id = 'carol'").await;
    third.own_profile().await.refused(ErrorCode::InternalError);

    let text = measured.scrape().await;
    for (metric, expected) in [
        ("platform_http_requests_total{route=\"/users/auth-code\",method=\"POST\",status=\"200\"}", 3.0),
        ("platform_http_requests_total{route=\"/sdk/v1/users\",method=\"POST\",status=\"201\"}", 2.0),
        ("platform_http_requests_total{route=\"/sdk/v1/users\",method=\"POST\",status=\"429\"}", 1.0),
        ("platform_http_request_duration_seconds_count{route=\"/sdk/v1/users\",method=\"POST\"}", 5.0),
        ("platform_limit_refusals_total{limit=\"failures\"}", 1.0),
        ("platform_exchanges_total{credential=\"code\",outcome=\"created\"}", 2.0),
        ("platform_exchanges_total{credential=\"code\",outcome=\"restored\"}", 1.0),
        ("platform_exchanges_total{credential=\"code\",outcome=\"AUTHENTICATION_CODE_INVALID\"}", 1.0),
        ("platform_exchanges_total{credential=\"code\",outcome=\"TOO_MANY_REQUESTS\"}", 1.0),
        ("platform_exchanges_total{credential=\"refresh_token\",outcome=\"refreshed\"}", 2.0),
        ("platform_exchanges_total{credential=\"refresh_token\",outcome=\"reuse_detected\"}", 1.0),
        ("platform_store_errors_total{kind=\"inconsistent\"}", 1.0),
        ("platform_writer_queue_depth", 0.0),
        ("platform_open_streams", 0.0),
        ("platform_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(value(&text, metric), expected, "{metric}");
    }
    // On PostgreSQL each has a commit of its own.
    let commits = "platform_writer_commit_duration_seconds_count";
    let writes = if is_on_postgres() { commits } else { "platform_writer_group_size_sum" };
    assert!(value(&text, writes) >= 9.0);
    assert!(value(&text, commits) >= 1.0);
    assert!(value(&text, "process_resident_memory_bytes") > 1e6);
    assert!(value(&text, "process_open_fds") > 3.0);
}

#[tokio::test]
async fn nobody_can_make_the_metrics_grow_or_find_an_id_in_them() {
    let measured = start(&[]);
    let Measured { running, server, .. } = &measured;
    let mut sdk = Sdk::new(&running.url);
    let mut secrets = vec![server.secret.clone(), running.value_of("app id: ")];
    let mut lines = 0;
    measured.scrape().await;
    for round in 0..20 {
        let canary = format!("canary{round}");
        let code = server.code(&canary).await;
        sdk.create_user(&code).await.ok();
        secrets.extend([code, sdk.user_id.clone(), sdk.install_id.clone(), sdk.access_token.clone()]);
        sdk = Sdk::new(&running.url);
        let method = Method::from_bytes(canary.as_bytes()).unwrap();
        for (method, path) in [
            (Method::GET, format!("/{canary}")),
            (Method::GET, format!("/v2/users/{canary}")),
            (Method::POST, format!("/v2/users/{canary}/link?{canary}")),
            (method, "/sdk/v1/config".to_owned()),
        ] {
            let request =
                server.request(method, &path).header("x-forwarded-for", format!("203.0.113.{round}"));
            assert!(Answer::to(request).await.status.is_client_error(), "{path}");
        }
        let text = measured.scrape().await;
        assert!(lines == 0 || text.lines().count() == lines, "it grew: {text}");
        lines = text.lines().count();
        assert!(
            !text.contains("canary") && !text.contains("203.0.113") && !text.contains("127.0.0.1"),
            "{text}"
        );
        assert!(!secrets.iter().any(|secret| text.contains(secret)), "{text}");
    }
}

#[tokio::test]
async fn metrics_are_told_on_their_own_address_and_only_if_it_is_given() {
    let measured = start(&[]);
    let origin = measured.metrics_url.strip_suffix("/metrics").unwrap().to_owned();
    let send = async |method: Method, url: String| Answer::to(Client::new().request(method, url)).await;
    send(Method::GET, format!("{}/metrics", measured.running.url)).await.refused(ErrorCode::NotFound);
    for path in ["/", "/healthz", "/users/auth-code", "/sdk/v1/config", "/metrics/"] {
        send(Method::GET, format!("{origin}{path}")).await.refused(ErrorCode::NotFound);
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        send(method, measured.metrics_url.clone()).await.refused(ErrorCode::MethodNotAllowed);
    }

    let folder = tempfile::tempdir().unwrap();
    let silent = Command::on(new_database(&folder).name()).start(&["serve"]);
    assert!(!silent.printed.contains("metrics"), "{}", silent.printed);
}

#[tokio::test]
async fn callers_that_never_ask_do_not_keep_the_metrics_from_others() {
    let measured = start(&[]);
    let address: SocketAddr = measured
        .metrics_url
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/metrics")
        .unwrap()
        .parse()
        .unwrap();
    let mut idle = Vec::new();
    // As many as are served at once.
    for _ in 0..8 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    timeout(Duration::from_secs(20), measured.scrape()).await.unwrap();
}
