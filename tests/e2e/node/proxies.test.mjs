// Between a device and the platform stand proxies that touch what they pass on. Events come through them at once.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect as connectTo } from "node:net";
import { before, test } from "node:test";
import compression from "compression";
import connect from "connect";
import httpProxy from "http-proxy";
import { authCode } from "../support/backend.mjs";
import { within } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startPlatform } from "../support/platform.mjs";

/** A proxy that collects events passes them on with the stream's heartbeat at the earliest, after 15 seconds. */
const AT_ONCE_MS = 5_000;

let platform;

before(async () => {
  platform = await startPlatform(fileScope);
});

const key = () => randomBytes(16).toString("hex");

async function createUser(externalId) {
  const response = await fetch(`${platform.url}/sdk/v1/users`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      authentication_code: await authCode(platform, externalId),
      install_id: key(),
      idempotency_key: key(),
      app: {},
      device: { class: "phone", class_source: "override" },
      sdk: { version: "0.1.0", runtime: "node" },
    }),
  });
  assert.ok(response.ok, await response.clone().text());
  const { token } = await response.json();
  return token.access_token;
}

/** What a development server does before it passes a request on: it compresses whatever it may. */
async function startCompressingProxy(scope) {
  const proxy = httpProxy.createProxyServer({ target: platform.url });
  // A stream that is cut off at the test's end is no failure.
  proxy.on("error", () => {});
  const app = connect();
  app.use(compression({ threshold: 0 }));
  app.use((request, response) => proxy.web(request, response));
  const server = createServer(app);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  scope.after(() => {
    server.closeAllConnections();
    server.close();
    proxy.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

test("a compressing proxy passes an event on at once", async (t) => {
  const url = await startCompressingProxy(t);
  const token = await createUser("compressed");
  const headers = { authorization: `Bearer ${token}` };
  const config = await fetch(`${url}/sdk/v1/config`, { headers });
  assert.equal(config.headers.get("content-encoding"), "gzip", "it compresses what it may");
  await config.text();

  const cut = new AbortController();
  t.after(() => cut.abort());
  const stream = await within("the stream", fetch(`${url}/sdk/v1/events`, { headers, signal: cut.signal }));
  const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
  const next = async (what) => (await within(what, reader.read(), AT_ONCE_MS)).value;
  assert.match(await next("the first event"), /event: state/);
  await createUser("compressed");
  assert.match(await next("what another device did"), /event: deactivated/);
  assert.equal(stream.headers.get("cache-control"), "no-store, no-transform");
  assert.equal(stream.headers.get("x-accel-buffering"), "no");
});

test("a proxy that speaks HTTP/1.0 gets events at once, without chunks", async (t) => {
  const token = await createUser("old");
  const { hostname, port } = new URL(platform.url);
  const socket = connectTo(Number(port), hostname).setEncoding("utf8");
  t.after(() => socket.destroy());
  socket.write(`GET /sdk/v1/events HTTP/1.0\r\nauthorization: Bearer ${token}\r\n\r\n`);
  let received = "";
  socket.on("data", (text) => (received += text));
  const until = async (text) => {
    while (!received.includes(text)) await once(socket, "data");
  };
  await within("the first event", until("event: state"), AT_ONCE_MS);
  await createUser("old");
  await within("what another device did", until("event: deactivated"), AT_ONCE_MS);
  assert.doesNotMatch(received, /transfer-encoding/i);
  assert.match(received, /^HTTP\/1\.[01] 200 OK\r\n/);
});
