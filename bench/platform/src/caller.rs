//! One connection to the platform, which sends one request after the other.

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Incoming, client::conn::http1::SendRequest, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpSocket;

pub(crate) struct Caller {
    address: SocketAddr,
    connection: SendRequest<Full<Bytes>>,
}

impl Caller {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Caller { address, connection: connect(LOCAL, address).await? })
    }

    /// From one of the addresses of this machine, of which it has millions: a network may have few streams.
    pub(crate) async fn connect_from(number: usize, address: SocketAddr) -> anyhow::Result<Self> {
        let (network, part) = (u8::try_from(number / 250 % 250)?, u8::try_from(number % 250)?);
        Ok(Caller { address, connection: connect(Ipv4Addr::new(127, 1 + network, part, 1), address).await? })
    }

    pub(crate) async fn get(&mut self, path: &str, credential: Option<&str>) -> anyhow::Result<Bytes> {
        self.send(Method::GET, path, credential, Bytes::new()).await
    }

    pub(crate) async fn post(
        &mut self,
        path: &str,
        credential: Option<&str>,
        body: Value,
    ) -> anyhow::Result<Value> {
        let response = self.send(Method::POST, path, credential, body.to_string().into()).await?;
        Ok(serde_json::from_slice(&response)?)
    }

    pub(crate) async fn delete(&mut self, path: &str, credential: Option<&str>) -> anyhow::Result<Bytes> {
        self.send(Method::DELETE, path, credential, Bytes::new()).await
    }

    /// A response whose body has no end yet.
    pub(crate) async fn open(&mut self, path: &str, credential: Option<&str>) -> anyhow::Result<Incoming> {
        self.request(Method::GET, path, credential, Bytes::new()).await
    }

    /// A code, as the server of an app asks for it.
    pub(crate) async fn code(&mut self, api_key: &str, external_id: &str) -> anyhow::Result<String> {
        let body = json!({ "external_id": external_id });
        string(&self.post("/users/auth-code", Some(api_key), body).await?, "/authentication_code")
    }

    /// Creates or restores a user on a new device, by a code or by the app's own credentials.
    pub(crate) async fn create(&mut self, by: &Value, install_id: &str) -> anyhow::Result<Value> {
        let mut body = json!({
            "install_id": install_id,
            "idempotency_key": new_id(),
            "app": { "name": "Bench", "version": "1.0.0" },
            "device": { "class": "phone", "class_source": "user_agent", "os": "android", "model": "Pixel 9" },
            "sdk": { "version": "0.1.0", "runtime": "browser" },
        });
        if let (Some(body), Some(by)) = (body.as_object_mut(), by.as_object()) {
            body.extend(by.clone());
        }
        self.post("/sdk/v1/users", None, body).await
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        credential: Option<&str>,
        body: Bytes,
    ) -> anyhow::Result<Bytes> {
        Ok(self.request(method, path, credential, body).await?.collect().await?.to_bytes())
    }

    async fn request(
        &mut self,
        method: Method,
        path: &str,
        credential: Option<&str>,
        body: Bytes,
    ) -> anyhow::Result<Incoming> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "platform");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(credential) = credential {
            request = request.header(header::AUTHORIZATION, format!("Bearer {credential}"));
        }
        // The server closes what was not used for a while, as while the others were prepared.
        if self.connection.is_closed() {
            self.connection = connect(LOCAL, self.address).await?;
        }
        self.connection.ready().await?;
        let response = self.connection.send_request(request.body(Full::new(body))?).await?;
        let (status, body) = (response.status(), response.into_body());
        if !status.is_success() {
            let body = body.collect().await?.to_bytes();
            bail!("{path}: {status} {}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }
}

const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;

async fn connect(from: Ipv4Addr, address: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    let (connection, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // What goes wrong in it, the request tells.
    tokio::spawn(driver);
    Ok(connection)
}

/// The string in a field of a response.
pub(crate) fn string(response: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = response.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no {pointer} in {response}"))?.to_owned())
}

/// 32 hex digits: an install id, an idempotency key, an external id.
pub(crate) fn new_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}
