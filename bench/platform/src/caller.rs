//! One connection to the platform, which sends one request after the other.

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, client::conn::http1::SendRequest, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::net::TcpStream;

pub(crate) struct Caller {
    connection: SendRequest<Full<Bytes>>,
}

impl Caller {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // What goes wrong in it, the request tells.
        tokio::spawn(driver);
        Ok(Caller { connection })
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

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        credential: Option<&str>,
        body: Bytes,
    ) -> anyhow::Result<Bytes> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "platform");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(credential) = credential {
            request = request.header(header::AUTHORIZATION, format!("Bearer {credential}"));
        }
        self.connection.ready().await?;
        let response = self.connection.send_request(request.body(Full::new(body))?).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
        Ok(body)
    }
}

/// The string in a field of a response.
pub(crate) fn string(response: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = response.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no {pointer} in {response}"))?.to_owned())
}
