// What stands between the SDK and the platform: proxies, captive portals, redirects, an app's own `fetch`, clocks.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { before, test } from "node:test";
import { inspect } from "node:util";
import { createGzip } from "node:zlib";
import { authCode } from "../support/backend.mjs";
import { installPackage } from "../support/consumer.mjs";
import { eventually, within } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startLocalDevice } from "../support/local-device.mjs";
import { assertNoUser, assertTokenWorks, assertUserIs, signIn } from "../support/main-job.mjs";
import { startPlatform } from "../support/platform.mjs";
import { startRecorder } from "../support/recorder.mjs";
import { makeAsyncStorage } from "../support/storages.mjs";

const CREATION = "/sdk/v1/users";
const REFRESH = "/sdk/v1/token";
/** More than the ten seconds between two questions to the platform about the user's state. */
const CHECK_INTERVAL_MS = 11_000;
/** A deadline for calls that have to run into it. */
const SHORT_CALL_MS = 1_500;

let platform;
let folder;

before(async () => {
  [platform, folder] = await Promise.all([startPlatform(fileScope), installPackage(fileScope)]);
});

/** Starts a device whose requests pass through a recorder. */
async function startRecordedDevice(t, options = {}, ownPlatform = platform) {
  const recorder = await startRecorder(t, ownPlatform);
  const storage = makeAsyncStorage();
  const device = await startLocalDevice(folder, { platformUrl: recorder.url, storage, ...options });
  return {
    recorder,
    device,
    requestsTo: (path) => recorder.requests.filter((request) => request.path === path),
  };
}

/** Sets the device's clock, which is this process's; `set(ms)` says how far it is off. */
function takeClock(t) {
  const now = Date.now.bind(Date);
  let offset = 0;
  t.mock.method(Date, "now", () => now() + offset);
  return { set: (ms) => (offset = ms) };
}

/** Moves the clock past the end of the user's access token. */
function expireToken(clock, userInfo) {
  clock.set(userInfo.tokenExpiryEpochTimeMs - Date.now() + 1_000);
}

const html = (status, headers) => (response) => {
  response
    .writeHead(status, { "content-type": "text/html", ...headers })
    .end("<html>Welcome to our hotel</html>");
};

for (const [what, fetch] of [
  ["has no text", async () => ({ ok: true, status: 200, json: async () => ({}) })],
  ["is undefined", async () => undefined],
  ["is a captive portal's page", async () => new Response("<html>Welcome to our hotel</html>")],
  [
    "is thrown",
    () => {
      throw new TypeError("offline");
    },
  ],
]) {
  test(`where the answer of an app's own \`fetch\` ${what}, calls fail and the user stays`, async (t) => {
    const clock = takeClock(t);
    let isBroken = true;
    const device = await startLocalDevice(folder, {
      platformUrl: platform.url,
      storage: makeAsyncStorage(),
      fetch: (...request) => (isBroken ? fetch(...request) : globalThis.fetch(...request)),
      timeouts: { callMs: SHORT_CALL_MS },
    });
    const refused = { code: "E_SDK_CREATE_USER_ERROR", reason: "NETWORK_ERROR", retryable: true };
    await assert.rejects(signIn(platform, device, what), refused);
    await assertNoUser(device);

    isBroken = false;
    const userInfo = await signIn(platform, device, what);
    expireToken(clock, userInfo);
    isBroken = true;
    await assert.rejects(device.call("requestUserAccessToken"), {
      code: "E_SDK_GET_TOKEN_ERROR",
      reason: "NETWORK_ERROR",
    });
    await device.restart();
    await assertUserIs(device, userInfo.userId);

    isBroken = false;
    await assertTokenWorks(platform, device, userInfo.userId);
  });
}

test("a redirect is not followed", async (t) => {
  const heard = [];
  const other = createServer((request, response) => {
    heard.push(request.url);
    response.end("{}");
  });
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  const { recorder, device, requestsTo } = await startRecordedDevice(t, {
    timeouts: { callMs: SHORT_CALL_MS },
  });
  const location = `http://127.0.0.1:${other.address().port}${CREATION}`;
  recorder.answerInstead(CREATION, (response) => response.writeHead(307, { location }).end());

  await assert.rejects(signIn(platform, device, "redirected"), { reason: "NETWORK_ERROR" });
  assert.ok(requestsTo(CREATION).length > 0);
  assert.deepEqual(heard, []);

  recorder.passOn(CREATION);
  await assertUserIs(device, (await signIn(platform, device, "redirected")).userId);
});

test("a creation that met a proxy's error page is tried again", async (t) => {
  const { recorder, device, requestsTo } = await startRecordedDevice(t);
  recorder.answerInstead(CREATION, html(503), 1);
  const { userId } = await signIn(platform, device, "error page");
  await assertUserIs(device, userId);
  assert.equal(requestsTo(CREATION).length, 2);
});

test("a platform that never answers is a network error by the call's deadline", async (t) => {
  const { recorder, device } = await startRecordedDevice(t, { timeouts: { callMs: 500 } });
  recorder.answerInstead(CREATION, () => undefined);
  // One request alone may take longer than this.
  await within(
    "the rejection",
    assert.rejects(signIn(platform, device, "silence"), { reason: "NETWORK_ERROR", retryable: true }),
    5_000,
  );
  recorder.passOn(CREATION);
  await assertUserIs(device, (await signIn(platform, device, "silence")).userId);
});

test("a proxy cannot ask for a pause of days", async (t) => {
  const clock = takeClock(t);
  const { recorder, device } = await startRecordedDevice(t, { timeouts: { callMs: SHORT_CALL_MS } });
  const userInfo = await signIn(platform, device, "long pause");
  expireToken(clock, userInfo);
  recorder.answerInstead(REFRESH, html(503, { "retry-after": "864000" }));
  await assert.rejects(device.call("requestUserAccessToken"), { reason: "NETWORK_ERROR" });

  recorder.passOn(REFRESH);
  const { tokenId } = await device.call("requestUserAccessToken");
  assert.notEqual(tokenId, userInfo.tokenId);
  await assertTokenWorks(platform, device, userInfo.userId);
});

for (const hasExpired of [false, true]) {
  const meanwhile = hasExpired ? " while its token expired" : "";
  test(`a user that was disabled and enabled again${meanwhile} gets a token in the same process`, async (t) => {
    const ownPlatform = await startPlatform(t, { accessTokenLifetime: hasExpired ? "2s" : "1h" });
    const clock = takeClock(t);
    const { device } = await startRecordedDevice(t, {}, ownPlatform);
    const code = await authCode(ownPlatform, "disabled");
    const { userInfo } = await device.call("createUser", { authCode: code });
    await ownPlatform.command("user", "disable", "--app", ownPlatform.appId, userInfo.userId);
    await device.restart();
    await eventually("that the user is disabled", async () => {
      const { isRemoteEnabled } = await device.call("getSdkStatus");
      return !isRemoteEnabled;
    });
    await assert.rejects(device.call("requestUserAccessToken"), { reason: "USER_DISABLED_REMOTELY" });
    if (hasExpired) {
      await eventually("that the token expires", () => Date.now() > userInfo.tokenExpiryEpochTimeMs);
    }

    await ownPlatform.command("user", "enable", "--app", ownPlatform.appId, userInfo.userId);
    clock.set(CHECK_INTERVAL_MS);
    await eventually("that there is a token again", () =>
      device.call("requestUserAccessToken").then(
        () => true,
        ({ reason }) => assert.equal(reason, "USER_DISABLED_REMOTELY"),
      ),
    );
    await assertUserIs(device, userInfo.userId);
    await assertTokenWorks(ownPlatform, device, userInfo.userId);
  });
}

/** Starts a device with a `fetch` of its own, which has little time. */
async function startWith(fetch, options = {}) {
  const storage = makeAsyncStorage();
  const timeouts = { callMs: SHORT_CALL_MS, requestMs: 1_000 };
  return startLocalDevice(folder, { platformUrl: platform.url, storage, fetch, timeouts, ...options });
}

const thrown = new Error("the app's own bug");

for (const [what, fetch, cause] of [
  [
    "throws",
    () => {
      throw thrown;
    },
    thrown,
  ],
  ["rejects", () => Promise.reject(thrown), thrown],
  ["rejects with a text", () => Promise.reject("no network"), "no network"],
  ["rejects with nothing", () => Promise.reject(), undefined],
  ["has a body that breaks", async () => ({ status: 200, text: () => Promise.reject(thrown) }), thrown],
  [
    "has a body that throws",
    async () => ({
      status: 200,
      text: () => {
        throw thrown;
      },
    }),
    thrown,
  ],
  [
    "has a body that was read already",
    async () => {
      const response = new Response("{}");
      await response.text();
      return response;
    },
    undefined,
  ],
  ["never settles", () => new Promise(() => undefined), undefined],
  ["is a number", async () => 7, undefined],
  ["has no headers", async () => ({ status: 200, text: async () => "{}" }), undefined],
  [
    "has getters that throw",
    async () => ({
      get status() {
        throw thrown;
      },
    }),
    undefined,
  ],
]) {
  test(`a \`fetch\` that ${what} fails the call by its deadline, with what it threw as cause`, async () => {
    const device = await startWith(fetch);
    const error = await within("the rejection", rejection(device, "createUser", { authCode: "code" }), 5_000);
    assert.equal(error.reason, "NETWORK_ERROR");
    assert.equal(error.retryable, true);
    if (cause !== undefined) {
      assert.equal(error.cause, cause);
      const [line, ...others] = device.warnings;
      assert.match(line, /CALL_FAILED.*(the app's own bug|no network)/);
      assert.deepEqual(others, []);
    }
    await assertNoUser(device);
  });
}

/** What a call of the SDK itself rejects with: the object, not what a device tells of it. */
async function rejection(device, name, ...args) {
  try {
    await device.sdk[name](...args);
  } catch (error) {
    return error;
  }
  throw new Error(`${name} resolved`);
}

test("a wrapper that copies the request, or replaces its signal, changes nothing", async () => {
  for (const fetch of [
    (url, init) => globalThis.fetch(new Request(url, init)),
    (url, init) => globalThis.fetch(url, { ...init, signal: new AbortController().signal }),
    (url, init) => globalThis.fetch(url, { ...init, signal: undefined }),
    async (url, init) => (await globalThis.fetch(url, init)).clone(),
    async (url, init) => {
      const { status, headers, body } = await globalThis.fetch(url, init);
      return new Response(body, { status, headers });
    },
    async (url, init) => {
      const response = await globalThis.fetch(url, init);
      return { status: response.status, headers: response.headers, text: () => response.text() };
    },
  ]) {
    const device = await startWith(fetch, { timeouts: undefined });
    const { userId } = await signIn(platform, device, "wrapped");
    await assertTokenWorks(platform, device, userId);
    await device.call("reset");
  }
});

for (const [what, message] of [
  ["in the runtime's words", "RequestInit: Expected signal to be an instance of AbortSignal."],
  ["in words of its own", "Failed to fetch"],
]) {
  test(`a signal that \`fetch\` refuses ${what} is left out at the second try`, async () => {
    const seen = [];
    const device = await startWith(
      (url, init) => {
        seen.push(Boolean(init.signal));
        return init.signal ? Promise.reject(new TypeError(message)) : globalThis.fetch(url, init);
      },
      { timeouts: undefined },
    );
    const { userId } = await signIn(platform, device, "refused signal");
    assert.deepEqual(seen.slice(0, 2), [true, false]);
    await assertTokenWorks(platform, device, userId);
  });
}

test("at the deadline an app is told what the last try met, not that nothing came", async () => {
  let tries = 0;
  const fetch = () => (tries++ ? new Promise(() => undefined) : Promise.reject(thrown));
  const device = await startWith(fetch, { timeouts: { callMs: SHORT_CALL_MS } });
  const error = await rejection(device, "createUser", { authCode: "code" });
  assert.match(error.details, /could not be reached/);
  assert.doesNotMatch(error.details, /in time/);
  assert.equal(error.cause, thrown);
});

test("an error of `fetch` that holds a secret is shown without it", async () => {
  const code = "c0de".repeat(32);
  for (const make of [
    (init) => new Error(`cannot send ${init.body}`),
    (init) => Object.assign(new Error("failed"), { config: { data: init.body } }),
    (init) => Object.assign(new Error("failed"), { request: new Request("http://localhost", init) }),
    (init) => new Error("failed", { cause: new Error(init.body) }),
    (init) => init.body,
  ]) {
    const device = await startWith((_, init) => Promise.reject(make(init)));
    const error = await rejection(device, "createUser", { authCode: code });
    const told = [
      error.stack,
      String(error.cause),
      error.cause?.stack,
      ...device.warnings,
      inspect(error),
    ].join();
    assert.ok(error.cause instanceof Error);
    assert.ok(!told.includes(code), told);
  }
});

test("what a storage and a linker threw is the cause of what comes of it", async () => {
  const storage = makeAsyncStorage();
  storage.instead.getItem = () => Promise.reject(thrown);
  const device = await startLocalDevice(folder);
  assert.equal((await rejection(device, "initialize", { storage })).cause, thrown);
  assert.equal((await rejection(device, "userExists")).cause, thrown);
  delete storage.instead.getItem;
  await device.call("initialize", { platformUrl: platform.url });
  const linker = () => {
    throw thrown;
  };
  const { appId, appSecret } = platform;
  assert.equal((await rejection(device, "createUser", { appId, appSecret, linker })).cause, thrown);
  assert.equal((await rejection(device, "linkUser", linker)).cause, undefined, "there is no user");
});

/** Serves an endless body, and counts what it could send and whether it was let go of. */
async function startEndless(t, headers, compress) {
  const state = { bytes: 0, open: 0 };
  const server = createServer((_, response) => {
    state.open++;
    response.on("close", () => state.open--);
    response.writeHead(200, { "content-type": "application/json", ...headers });
    const chunk = Buffer.alloc(16 * 1024, " ");
    const out = compress ? createGzip() : response;
    if (compress) out.pipe(response);
    const fill = () => {
      while (!response.destroyed && out.write(chunk)) state.bytes += chunk.length;
      if (!response.destroyed) out.once("drain", fill);
    };
    fill();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(state, { url: `http://127.0.0.1:${server.address().port}` });
}

for (const [what, headers, compress] of [
  ["without an end", {}, false],
  ["without an end that says a small length", { "x-length": "2" }, false],
  ["that says it is too long", { "content-length": String(1 << 30) }, false],
  ["that grows when it is decompressed", { "content-encoding": "gzip" }, true],
]) {
  test(`a response ${what} is let go of after 64 KiB`, async (t) => {
    const endless = await startEndless(t, headers, compress);
    let read = 0;
    const fetch = async (url, init) => {
      const response = await globalThis.fetch(url, init);
      const count = new TransformStream({
        transform(chunk, controller) {
          read += chunk.length;
          controller.enqueue(chunk);
        },
      });
      return new Response(response.body.pipeThrough(count), { status: 200, headers: response.headers });
    };
    const device = await startWith(fetch, { platformUrl: endless.url, timeouts: { callMs: 3_000 } });
    const error = await rejection(device, "createUser", { authCode: "code" });
    assert.match(error.details, /not the platform/);
    assert.ok(read <= 64 * 1024 * 8, `${read} bytes were read`);
    await eventually("that the connection is let go of", () => endless.open === 0);
  });
}

test("where `fetch` follows redirects, a response of another host is not the platform's", async () => {
  for (const response of [{ redirected: true }, { url: "https://evil.example/sdk/v1/users" }]) {
    let wasRead = false;
    const text = async () => ((wasRead = true), "{}");
    const device = await startWith(async () => ({ status: 201, text, ...response }));
    const error = await rejection(device, "createUser", { authCode: "code" });
    assert.match(error.details, /not the platform/);
    assert.equal(wasRead, false);
  }
});
