// What stands between the SDK and the platform: proxies, captive portals, redirects, an app's own `fetch`, clocks.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { before, test } from "node:test";
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
