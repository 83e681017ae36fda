//! Whose address counts: the caller's own, and nobody else's word for it but the operator's proxies'.

use crate::support::{Answer, Command, Sdk, TestPlatform, key, new_database};
use reqwest::Method;
use sentiance_platform::http::{Limit, Limits, ProxyHeader, Rate, Settings};
use serde_json::json;

const OTHER_PROXIES: &str = "10.0.0.0/8";

/// A platform where one failure of an address is free, and the next is told to wait.
async fn platform(trusted: &[&str], proxy_header: ProxyHeader) -> TestPlatform {
    let settings = Settings {
        trusted_proxies: trusted.iter().map(|text| text.parse().unwrap()).collect(),
        proxy_header,
        limits: Limits { failures: Limit::To(Rate::per_minute(1, 1)), ..Limits::OFF },
        ..Settings::default()
    };
    TestPlatform::start_with(settings).await
}

/// Fails from behind proxies that wrote these headers; tells whether this address had failed before.
async fn has_failed_before(url: &str, headers: &[(&str, &str)]) -> bool {
    let body = json!({ "refresh_token": "garbage", "idempotency_key": key() });
    let request = Sdk::new(url).request(Method::POST, "/sdk/v1/token").json(&body);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    match Answer::to(request).await.status.as_u16() {
        401 => false,
        429 => true,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_caller_cannot_choose_its_address() {
    for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
        for trusted in [&[][..], &[OTHER_PROXIES]] {
            let platform = platform(trusted, header).await;
            assert!(!has_failed_before(&platform.url, &[]).await);
            for headers in [
                [("x-forwarded-for", "203.0.113.1"), ("forwarded", "for=203.0.113.1")],
                [("x-forwarded-for", "10.0.0.1"), ("forwarded", "for=10.0.0.1")],
                [("x-forwarded-for", "garbage"), ("forwarded", "garbage")],
                [("x-real-ip", "203.0.113.2"), ("cf-connecting-ip", "203.0.113.2")],
            ] {
                assert!(has_failed_before(&platform.url, &headers).await, "{headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_callers_are_told_apart_by_the_last_address_that_is_not_trusted() {
    let platform = platform(&["127.0.0.0/8", OTHER_PROXIES], ProxyHeader::XForwardedFor).await;
    let before = async |value: &str| has_failed_before(&platform.url, &[("x-forwarded-for", value)]).await;
    assert!(!before("203.0.113.1").await);
    assert!(before("203.0.113.1").await);
    assert!(!before("203.0.113.2").await, "its neighbour");
    for same in
        ["198.51.100.9, 203.0.113.1", "garbage,203.0.113.1,10.1.2.3", "::ffff:203.0.113.1", "203.0.113.1:9"]
    {
        assert!(before(same).await, "{same}");
    }
    let two_lines = [("x-forwarded-for", "198.51.100.9"), ("x-forwarded-for", "203.0.113.1")];
    assert!(has_failed_before(&platform.url, &two_lines).await);
    let other_header = [("x-forwarded-for", "203.0.113.1"), ("forwarded", "for=198.51.100.9")];
    assert!(has_failed_before(&platform.url, &other_header).await, "the header that no proxy wrote");

    assert!(!before("2001:db8:1:2::1").await);
    assert!(before("2001:db8:1:2:ffff::1").await, "the same 64 bits");
    assert!(!before("2001:db8:1:3::1").await);
}

#[tokio::test]
async fn callers_whom_a_proxy_does_not_name_share_the_proxys_limit() {
    let platform = platform(&["127.0.0.0/8"], ProxyHeader::XForwardedFor).await;
    assert!(!has_failed_before(&platform.url, &[]).await);
    for value in ["", "unknown", "_hidden", ",", "203.0.113.1,", "203.0.113.1, garbage", "999.0.0.1"] {
        assert!(has_failed_before(&platform.url, &[("x-forwarded-for", value)]).await, "{value}");
    }
}

#[tokio::test]
async fn proxies_may_write_the_standard_header_instead() {
    let platform = platform(&["127.0.0.1"], ProxyHeader::Forwarded).await;
    let before = async |value: &str| has_failed_before(&platform.url, &[("forwarded", value)]).await;
    assert!(!before("for=203.0.113.1;proto=https").await);
    assert!(before("for=\"198.51.100.1, For=\"203.0.113.1:4711\"").await);
    assert!(!before("for=\"[2001:db8::1]:4711\"").await);
    let other_header = [("forwarded", "for=203.0.113.1"), ("x-forwarded-for", "198.51.100.9")];
    assert!(has_failed_before(&platform.url, &other_header).await, "the header that no proxy wrote");
}

#[tokio::test]
async fn the_command_line_says_which_proxies_are_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let command = Command::on(new_database(&folder).name());
    let limit = ["serve", "--limit-failures", "1/m:1"];
    let direct = command.start(&limit);
    let several =
        [&limit[..], &["--trusted-proxy", "10.0.0.0/8,127.0.0.1", "--trusted-proxy", "::1"]].concat();
    let proxied = command.start(&several);
    for (running, expected) in [(direct, true), (proxied, false)] {
        assert!(!has_failed_before(&running.url, &[("x-forwarded-for", "203.0.113.1")]).await);
        assert_eq!(has_failed_before(&running.url, &[("x-forwarded-for", "203.0.113.2")]).await, expected);
    }
    let complaint =
        command.fail(&["serve", "--address", "127.0.0.1:0", "--trusted-proxy", "proxy.example.com"]);
    assert!(complaint.contains("an address or a network"), "{complaint}");
}

#[tokio::test]
async fn a_network_that_everybody_is_in_is_no_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let command = Command::on(new_database(&folder).name());
    for everybody in ["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "10.0.0.0/8,128.0.0.0/1", "2000::/3"] {
        let complaint = command.fail(&["serve", "--address", "127.0.0.1:0", "--trusted-proxy", everybody]);
        assert!(complaint.contains("covers the public internet"), "{everybody}: {complaint}");
        let other_lines = complaint.lines().filter(|line| line.contains("error")).count();
        assert_eq!(other_lines, 1, "{complaint}");
    }
}
