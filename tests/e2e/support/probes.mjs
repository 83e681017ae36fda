// The behaviour probes: what a device makes of a platform, a network, a storage or a clock that misbehaves. Two hosts run
// this one list, Node and Chromium; what an app sees must not differ.
//
// A host has `platform`, whose access tokens last an hour, and `openDevice(t, platformUrl, options)`. To what every device
// can do, its devices add:
//
// - `setClock({ offset, stopped })`: from now on the clock is off by so many milliseconds, and may stand still;
// - `stored(key)` and `store(key, text)`: what its storage holds; `failWrites(fails)`: whether it throws on writes;
// - `launch()`: starts the app anew, and returns how many milliseconds it took to load the core, and then until the
//   user was known, as `{ core, user }`;
// - `warned()`: the codes of the SDK's warnings since the start; `said()`: all that the SDK told anybody, as texts.

import assert from "node:assert/strict";
import { authCode } from "./backend.mjs";
import { eventually } from "./deadline.mjs";
import { assertNoUser, assertTokenWorks, assertUserIs, signIn, untilTokenDies } from "./main-job.mjs";
import { startPlatform } from "./platform.mjs";
import { EVERYTHING, startRecorder } from "./recorder.mjs";
import { RECORD_KEY, UNREADABLE_KEY } from "./storages.mjs";

const CREATION = "/sdk/v1/users";
const REFRESH = "/sdk/v1/token";
const CHECK = "/sdk/v1/config";
const METADATA = "/sdk/v1/metadata";
/** Open for as long as there is a user, so it is no part of any count. */
const EVENTS = "/sdk/v1/events";

/** The real time, whatever a host makes of this process's clock. */
const { now } = Date;
const HOUR_MS = 3_600_000;
/** The longest pause that the SDK lets anybody ask for. */
const LONGEST_PAUSE_MS = 5 * 60_000;
/** How often one call sends at most. */
const MAX_TRIES = 4;
/** A deadline for calls that have to run into it. */
const SHORT_CALL = { timeouts: { callMs: 1_500 } };
/** How often the start is measured; and what it may take, which is generous: machines that test are busy. */
const LAUNCHES = 9;
const LAUNCH_LIMIT_MS = 200;

const HTML = "<html>Welcome to our hotel</html>";
const error = (errorCode) => JSON.stringify({ message: "No.", errorCode, ref: "0" });

/** Makes an answer that pages may read, as the platform's and many a proxy's are. */
const answer = (status, type, body, headers) => (response) => {
  const shared = { "access-control-allow-origin": "*", "access-control-expose-headers": "retry-after" };
  response.writeHead(status, { "content-type": type, ...shared, ...headers }).end(body);
};
const json = (status, code, headers) => answer(status, "application/json", error(code), headers);
const html = (status, headers) => answer(status, "text/html", HTML, headers);
const silence = () => undefined;

/** Opens a device whose requests pass through a recorder. */
async function open(t, host, options, platform = host.platform) {
  const recorder = await startRecorder(t, platform);
  const device = await host.openDevice(t, recorder.url, options);
  const requestsTo = (path) => recorder.requests.filter((request) => request.path === path);
  return { recorder, device, requestsTo };
}

/** Moves the device's clock past the end of the user's access token. */
function expireToken(device, userInfo) {
  return device.setClock({ offset: userInfo.tokenExpiryEpochTimeMs - now() + 1_000 });
}

/** Waits until the device gets a token; until then there may be a network error, and nothing else. */
function untilToken(device) {
  return eventually("that there is a token again", () =>
    device.call("requestUserAccessToken").then(
      () => true,
      ({ reason }) => assert.equal(reason, "NETWORK_ERROR"),
    ),
  );
}

const refused = { code: "E_SDK_GET_TOKEN_ERROR", reason: "NETWORK_ERROR", retryable: true };

/** What a bad platform, or whatever stands in its place, answers to everything. */
const BAD_ANSWERS = [
  ["429", json(429, "TOO_MANY_REQUESTS", { "retry-after": "1" })],
  ["a 500", json(500, "INTERNAL_ERROR")],
  ["503 with a page", html(503)],
  ["a captive portal's page", html(200)],
];

/** Every probe, as `{ title, run(t, host) }`. */
export const PROBES = [
  {
    title: "a sign-in is one request",
    async run(t, host) {
      const { recorder, device } = await open(t, host);
      const { userId } = await signIn(host.platform, device, "one request");
      const sent = recorder.requests.filter(({ path }) => path !== EVENTS);
      assert.deepEqual(
        sent.map(({ method, path, status }) => [method, path, status]),
        [["POST", CREATION, 201]],
      );
      await assertUserIs(device, userId);
    },
  },
  {
    title: "ten calls that need a new token at once make one request",
    async run(t, host) {
      const { device, requestsTo } = await open(t, host);
      const userInfo = await signIn(host.platform, device, "ten calls");
      await expireToken(device, userInfo);
      const calls = Array.from({ length: 10 }, () => device.call("requestUserAccessToken"));
      const ids = new Set((await Promise.all(calls)).map(({ tokenId }) => tokenId));
      assert.equal(ids.size, 1);
      assert.ok(!ids.has(userInfo.tokenId));
      assert.equal(requestsTo(REFRESH).length, 1);
      await assertTokenWorks(host.platform, device, userInfo.userId);
    },
  },
  ...BAD_ANSWERS.map(([what, bad]) => ({
    title: `${what} at start-up and at a refresh: the user stays, and is known before any answer`,
    async run(t, host) {
      const { recorder, device, requestsTo } = await open(t, host, SHORT_CALL);
      const userInfo = await signIn(host.platform, device, `bad answer: ${what}`);
      const held = [];
      recorder.answerInstead(EVERYTHING, (response) => held.push(response));
      await device.restart();
      await assertUserIs(device, userInfo.userId);
      assert.equal((await device.call("requestUserAccessToken")).tokenId, userInfo.tokenId);
      await eventually("that the start asks the platform", () => held.length > 0);

      recorder.answerInstead(EVERYTHING, bad);
      held.forEach(bad);
      await expireToken(device, userInfo);
      recorder.requests.length = 0;
      await assert.rejects(device.call("requestUserAccessToken"), refused);
      assert.ok(requestsTo(REFRESH).length <= MAX_TRIES);
      await assertUserIs(device, userInfo.userId);

      recorder.passOn(EVERYTHING);
      await untilToken(device);
      await assertTokenWorks(host.platform, device, userInfo.userId);
    },
  })),
  {
    title:
      "a creation and a refresh wait as long as they are asked to, in seconds, by a date, by a proxy's page",
    async run(t, host) {
      const { recorder, device, requestsTo } = await open(t, host);
      const inSeconds = json(429, "TOO_MANY_REQUESTS", { "retry-after": "1" });
      const byDate = (response) => {
        // Dates have whole seconds: this one is between one and two seconds away.
        const date = new Date(now() + 2_000).toUTCString();
        json(503, "UNAVAILABLE", { "retry-after": date })(response);
      };
      const byProxy = html(503, { "retry-after": "1" });
      const assertWaited = (path, answers) => {
        const times = requestsTo(path).map(({ at }) => at);
        const waits = times.slice(1).map((time, index) => time - times[index]);
        assert.equal(waits.length, answers);
        assert.ok(
          waits.every((ms) => ms >= 990),
          `${path}: ${waits.join(", ")} ms`,
        );
      };
      const answerOnceEach = (path, answers) => {
        recorder.answerInstead(path, (response) => answers.shift()(response), answers.length);
      };
      answerOnceEach(CREATION, [inSeconds, byDate, byProxy]);
      const userInfo = await signIn(host.platform, device, "patience");
      assertWaited(CREATION, 3);

      await expireToken(device, userInfo);
      answerOnceEach(REFRESH, [inSeconds, byProxy]);
      assert.notEqual((await device.call("requestUserAccessToken")).tokenId, userInfo.tokenId);
      assertWaited(REFRESH, 2);
    },
  },
  {
    title: "a pause that the platform asked for outlasts call and app, and five minutes are the longest",
    async run(t, host) {
      const shortLived = await startPlatform(t, { accessTokenLifetime: "2s" });
      const { recorder, device, requestsTo } = await open(t, host, SHORT_CALL, shortLived);
      const userInfo = await signIn(shortLived, device, "pause");
      await untilTokenDies(shortLived, userInfo.tokenId);
      // The device has only an estimate of the platform's time.
      await device.setClock({ offset: 2_000 });
      recorder.answerInstead(REFRESH, json(429, "TOO_MANY_REQUESTS", { "retry-after": "864000" }));
      await assert.rejects(device.call("requestUserAccessToken"), refused);
      recorder.passOn(REFRESH);
      await assert.rejects(device.call("requestUserAccessToken"), refused);
      await device.restart();
      await assert.rejects(device.call("requestUserAccessToken"), refused);
      assert.equal(requestsTo(REFRESH).length, 1);
      await assertUserIs(device, userInfo.userId);

      await device.setClock({ offset: LONGEST_PAUSE_MS + 20_000 });
      await untilToken(device);
      await assertTokenWorks(shortLived, device, userInfo.userId);
    },
  },
  {
    title: "a captive portal is called by its name",
    async run(t, host) {
      const { recorder, device, requestsTo } = await open(t, host);
      recorder.answerInstead(CREATION, html(200));
      await assert.rejects(signIn(host.platform, device, "hotel"), (error) => {
        assert.equal(error.reason, "NETWORK_ERROR");
        assert.equal(error.retryable, true);
        assert.match(error.details, /is not the platform: .*a captive portal/);
        return true;
      });
      assert.ok(requestsTo(CREATION).length <= MAX_TRIES);
    },
  },
  {
    title: "a server that never answers delays nothing that is on the device",
    async run(t, host) {
      const { recorder, device, requestsTo } = await open(t, host);
      const { userId } = await signIn(host.platform, device, "silence");
      recorder.answerInstead(EVERYTHING, silence);
      recorder.requests.length = 0;
      const took = [];
      for (let launch = 0; launch < LAUNCHES; launch += 1) {
        took.push(await device.launch());
        await assertUserIs(device, userId);
      }
      await eventually("that each start asked the platform", () => requestsTo(CHECK).length === LAUNCHES);
      assert.ok(
        recorder.requests.every(({ status }) => status === 0),
        "nothing was answered",
      );
      const median = (what) => took.map((launch) => launch[what]).sort((a, b) => a - b)[LAUNCHES >> 1];
      const [core, user] = [median("core"), median("user")];
      t.diagnostic(`the core is loaded in ${core.toFixed(1)} ms, the user known ${user.toFixed(1)} ms later`);
      assert.ok(user < LAUNCH_LIMIT_MS, `${user} ms`);
    },
  },
  {
    title: "where every write throws, the user works in memory, and one warning says so",
    async run(t, host) {
      const { device } = await open(t, host);
      await device.failWrites(true);
      const { userId } = await signIn(host.platform, device, "full storage");
      await assertUserIs(device, userId);
      await assertTokenWorks(host.platform, device, userId);
      assert.deepEqual(device.warned(), ["STORAGE_WRITE_FAILED"]);

      await device.call("reset");
      await assertNoUser(device);
      await device.failWrites(false);
      assert.equal((await signIn(host.platform, device, "full storage")).userId, userId);
      await device.restart();
      await assertUserIs(device, userId);
    },
  },
  ...[
    ["two hours fast, until it is put right,", 2 * HOUR_MS, 0],
    ["two hours slow, until it is put right,", -2 * HOUR_MS, 0],
    ["right, until it is set two hours ahead,", 0, 2 * HOUR_MS],
    ["right, until it is set two hours back,", 0, -2 * HOUR_MS],
  ].map(([what, first, then]) => ({
    title: `a clock that is ${what} costs at most one refresh in twenty calls`,
    async run(t, host) {
      const { device, requestsTo } = await open(t, host);
      const requestTwentyTokens = async () => {
        for (let call = 0; call < 20; call += 1) await device.call("requestUserAccessToken");
      };
      await device.setClock({ offset: first });
      const { userId } = await signIn(host.platform, device, `clock that is ${what}`);
      await requestTwentyTokens();
      assert.equal(requestsTo(REFRESH).length, 0, "the platform's answer told the time");
      await device.setClock({ offset: then });
      await requestTwentyTokens();
      assert.ok(requestsTo(REFRESH).length <= 1, `${requestsTo(REFRESH).length} refreshes`);
      await assertTokenWorks(host.platform, device, userId);
    },
  })),
  {
    title: "a dead token under a clock that is slow and stands still is refreshed once the platform says so",
    async run(t, host) {
      const shortLived = await startPlatform(t, { accessTokenLifetime: "2s" });
      const { device, requestsTo } = await open(t, host, undefined, shortLived);
      await device.setClock({ offset: -2 * HOUR_MS, stopped: true });
      const userInfo = await signIn(shortLived, device, "stopped clock");
      await untilTokenDies(shortLived, userInfo.tokenId);
      assert.equal((await device.call("requestUserAccessToken")).tokenId, userInfo.tokenId, "nothing told");

      await device.call("addUserMetadataField", "told", "now");
      await eventually("that what was set is sent", () =>
        requestsTo(METADATA).some(({ status }) => status < 300 && status > 0),
      );
      const statuses = requestsTo(METADATA).map(({ status }) => status);
      assert.equal(statuses[0], 401);
      assert.equal(statuses.length, 2);
      assert.equal(requestsTo(REFRESH).length, 1);
      assert.notEqual((await device.call("requestUserAccessToken")).tokenId, userInfo.tokenId);
    },
  },
  {
    title: "a corrupt record is set aside, and the next creation restores its user",
    async run(t, host) {
      const { device } = await open(t, host);
      const { userId } = await signIn(host.platform, device, "corrupt record");
      const text = await device.stored(RECORD_KEY);
      const corrupt = text.slice(0, text.length / 2);
      await device.store(RECORD_KEY, corrupt);

      await device.restart();
      await assertNoUser(device);
      assert.deepEqual(device.warned(), ["STORED_RECORD_UNREADABLE"]);
      assert.equal(await device.stored(RECORD_KEY), null);
      assert.equal(await device.stored(UNREADABLE_KEY), corrupt);

      assert.equal((await signIn(host.platform, device, "corrupt record")).userId, userId);
      await device.restart();
      await assertUserIs(device, userId);
      assert.deepEqual(device.warned(), []);
    },
  },
  {
    title: "nothing that the SDK tells an app or a log holds a secret",
    async run(t, host) {
      const { platform } = host;
      const { recorder, device } = await open(t, host, SHORT_CALL);
      const fails = (call) => assert.rejects(call, { isError: true });
      const code = await authCode(platform, "secrets");
      await fails(device.call("createUser", { authCode: platform.apiKey }));
      await fails(device.call("createUser", { appId: platform.appId, appSecret: `${platform.appSecret}x` }));
      for (const bad of [json(400, "AUTHENTICATION_CODE_INVALID"), json(500, "INTERNAL_ERROR"), html(503)]) {
        recorder.answerInstead(CREATION, bad);
        await fails(device.call("createUser", { authCode: code }));
      }
      recorder.passOn(CREATION);
      const userInfo = await device.call("createUser", { authCode: code }).then((result) => result.userInfo);
      await fails(device.call("createUser", { authCode: code }));
      await fails(device.call("linkUserWithAuthCode", code));
      const first = JSON.parse(await device.stored(RECORD_KEY)).user.token.refresh_token;

      await expireToken(device, userInfo);
      for (const bad of [json(500, "INTERNAL_ERROR"), html(200), json(400, "INVALID_REQUEST")]) {
        recorder.answerInstead(REFRESH, bad);
        await fails(device.call("requestUserAccessToken"));
      }
      recorder.passOn(REFRESH);
      await device.failWrites(true);
      const { tokenId } = await device.call("requestUserAccessToken");
      await device.failWrites(false);
      const heard = device.warned();
      await device.store(RECORD_KEY, (await device.stored(RECORD_KEY)).slice(1));
      const before = device.said();
      await device.restart();
      await assertNoUser(device);
      heard.push(...device.warned());
      // In a test's own process the app that ran before lives on, and may find that its user is gone.
      const expected = heard.filter((code) => code !== "STORED_USER_REMOVED");
      assert.deepEqual(expected, ["STORAGE_WRITE_FAILED", "STORED_RECORD_UNREADABLE"]);

      const said = [...before, ...device.said()].join("\n");
      assert.match(said, /AUTHENTICATION_CODE_INVALID/);
      const secrets = { code, first, tokenId, token: userInfo.tokenId };
      for (const [name, secret] of Object.entries({ ...secrets, ...pick(platform) })) {
        assert.ok(secret.length > 20, name);
        assert.ok(!said.includes(secret), `the ${name} was told`);
      }
    },
  },
];

function pick({ apiKey, appSecret }) {
  return { apiKey, appSecret };
}
