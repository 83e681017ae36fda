//! Which pages may call what, in whole journeys; `matrix` tries every endpoint with every kind of page.

use crate::support::{Answer, LISTED_ORIGIN, TestPlatform, key};
use reqwest::{Client, Method};
use sentiance_platform::http::Settings;
use sentiance_protocol::ErrorCode;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

async fn preflight(platform: &TestPlatform, path: &str, method: &Method, origin: &str) -> Answer {
    preflight_for(platform, path, method, origin, "authorization,content-type").await
}

async fn preflight_for(
    platform: &TestPlatform,
    path: &str,
    method: &Method,
    origin: &str,
    headers: &str,
) -> Answer {
    let request = Client::new()
        .request(Method::OPTIONS, format!("{}{path}", platform.url))
        .header("origin", origin)
        .header("access-control-request-method", method.as_str())
        .header("access-control-request-headers", headers);
    Answer::to(request).await
}

#[tokio::test]
async fn a_listed_page_does_the_whole_job() {
    let platform = TestPlatform::start().await;
    let mut page = platform.sdk().in_page(LISTED_ORIGIN);
    let answers = [
        page.create_user(&platform.server.code("alice").await).await,
        page.config().await,
        page.own_profile().await,
        page.change_metadata(1, &[("a", Some("b"))]).await,
        page.upload(&[]).await,
        page.refresh().await,
        page.reset().await,
    ];
    for answer in answers {
        answer.ok();
        assert!(answer.is_shared_with(LISTED_ORIGIN));
        assert!(answer.header("access-control-expose-headers").unwrap().contains("etag"));
        assert_eq!(answer.header("vary"), Some("origin"));
    }
    let ended = page.config().await;
    ended.refused(ErrorCode::SessionEnded);
    assert!(ended.is_shared_with(LISTED_ORIGIN), "a page reads its errors too");
}

#[tokio::test]
async fn a_page_reads_what_is_answered_before_a_handler_ends() {
    let settings = Settings { request_deadline: Duration::from_millis(300), ..Settings::default() };
    let platform = TestPlatform::start_with(settings).await;
    let mut page = platform.sdk().in_page(LISTED_ORIGIN);
    page.create_user(&platform.server.code("alice").await).await.ok();

    let too_large = page.upload(&["x".repeat(70_000).into()]).await;
    too_large.refused(ErrorCode::PayloadTooLarge);
    // A body whose second half never comes.
    let head = "POST /sdk/v1/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: https://app.example.com\r\n\
                content-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let mut stream = TcpStream::connect(platform.url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut late = String::new();
    timeout(Duration::from_secs(10), stream.read_to_string(&mut late)).await.unwrap().unwrap();
    platform.tamper("update users set external_id = ''").await;
    let broken = page.own_profile().await;
    broken.refused(ErrorCode::InternalError);

    assert!(late.starts_with("HTTP/1.1 408") && late.contains("access-control-allow-origin"), "{late}");
    for answer in [too_large, broken] {
        assert!(answer.is_shared_with(LISTED_ORIGIN), "{}", answer.status);
    }
}

#[tokio::test]
async fn a_preflight_gets_the_names_that_it_asks_for_within_bounds() {
    let platform = TestPlatform::start().await;
    let own = "authorization, content-type, if-none-match";
    let many: String = (0..1_000).map(|n| format!("x-header-{n},")).collect();
    let twice = "traceparent,".repeat(2_000);
    for (asked, also) in [
        ("", ""),
        ("Authorization", ""),
        ("TraceParent, baggage", ", traceparent, baggage"),
        ("x-a b,*x(,\"q\",x-c", ", x-c"),
        (&twice, ", traceparent"),
    ] {
        let answer = preflight_for(&platform, "/sdk/v1/users", &Method::POST, LISTED_ORIGIN, asked).await;
        let expected = [own, also].concat();
        assert_eq!(answer.header("access-control-allow-headers"), Some(expected.as_str()), "{asked:.60}");
    }
    let answer = preflight_for(&platform, "/sdk/v1/users", &Method::POST, LISTED_ORIGIN, &many).await;
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("x-header-0") && allowed.len() <= 4_096, "{}", allowed.len());

    for (origin, path) in [("https://evil.example.com", "/sdk/v1/users"), (LISTED_ORIGIN, "/users/auth-code")]
    {
        let refused = preflight_for(&platform, path, &Method::POST, origin, "traceparent").await;
        assert_eq!(refused.header("access-control-allow-headers"), None);
    }
}

#[tokio::test]
async fn a_page_of_another_application_may_not_use_a_users_token() {
    let platform = TestPlatform::start().await;
    let others = "https://other.example.com";
    platform.command().create_app("Other", &[others]);
    let sdk = platform.sdk_with_user("alice").await;
    let mut page = sdk.clone().in_page(others);
    let answers = [
        page.config().await,
        page.own_profile().await,
        page.refresh().await,
        page.reset().await,
        page.delete_user(&sdk.user_id).await,
    ];
    for answer in answers {
        answer.refused(ErrorCode::OriginNotAllowed);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    sdk.own_profile().await.ok();
}

#[tokio::test]
async fn a_code_stays_good_when_a_page_of_another_application_tries_it() {
    let platform = TestPlatform::start().await;
    platform.command().create_app("Other", &["https://other.example.com"]);
    let code = platform.server.code("alice").await;
    let page = platform.sdk().in_page("https://other.example.com");
    page.exchange(&code, &key()).await.refused(ErrorCode::AuthenticationCodeInvalid);
    platform.sdk().create_user(&code).await.ok();
}

#[tokio::test]
async fn any_page_of_this_machine_may_call_a_platform_for_development() {
    let settings = Settings { allow_loopback_origins: true, ..Settings::default() };
    let platform = TestPlatform::start_with(settings).await;
    for origin in ["http://localhost:3000", "http://127.0.0.1:5173", "http://[::1]:8080", "https://localhost"]
    {
        assert!(preflight(&platform, "/sdk/v1/users", &Method::POST, origin).await.is_shared_with(origin));
        let mut page = platform.sdk().in_page(origin);
        let answer = page.create_user(&platform.server.code(origin).await).await;
        answer.ok();
        assert!(answer.is_shared_with(origin));
        page.own_profile().await.ok();
    }
    let near = preflight(&platform, "/sdk/v1/users", &Method::POST, "http://localhost.example.com").await;
    near.refused(ErrorCode::OriginNotAllowed);
}

#[tokio::test]
async fn the_endpoints_for_servers_have_no_cors_at_all() {
    let settings = Settings { allow_loopback_origins: true, ..Settings::default() };
    let platform = TestPlatform::start_with(settings).await;
    for path in ["/users/auth-code", "/v2/users/0123456789abcdef0123456789abcdef/link"] {
        for origin in [LISTED_ORIGIN, "http://localhost:3000", "https://evil.example.com"] {
            let preflight = preflight(&platform, path, &Method::POST, origin).await;
            preflight.refused(ErrorCode::MethodNotAllowed);
            let request = platform.server.request(Method::POST, path).header("origin", origin);
            let call = Answer::to(request).await;
            call.refused(ErrorCode::BrowserNotAllowed);
            for answer in [preflight, call] {
                let leaked = answer.headers.keys().any(|name| name.as_str().starts_with("access-control-"));
                assert!(!leaked, "{:?}", answer.headers);
            }
        }
    }
}

#[tokio::test]
async fn an_api_key_in_a_page_is_refused_though_the_page_is_listed() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let path = format!("/v2/users/{}", sdk.user_id);
    let request = platform.server.request(Method::GET, &path).header("origin", LISTED_ORIGIN);
    let answer = Answer::to(request).await;
    answer.refused(ErrorCode::BrowserNotAllowed);
    assert_eq!(answer.header("access-control-allow-origin"), None);

    let typed = platform.server.request(Method::GET, &path).header("sec-fetch-site", "none");
    Answer::to(typed).await.ok();
}

#[tokio::test]
async fn an_app_without_an_origin_is_no_page() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let answer = sdk.config().await;
    answer.ok();
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("vary"), Some("origin"), "a cache must not give this answer to a page");
}
