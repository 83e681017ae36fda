// The behaviour probes in Chromium.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { eventually } from "../support/deadline.mjs";
import { eavesdrop } from "../support/eavesdrop.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { assertUserIs } from "../support/main-job.mjs";
import { startPlatform } from "../support/platform.mjs";
import { PROBES } from "../support/probes.mjs";
import { startRecorder } from "../support/recorder.mjs";

let stage;

before(async () => {
  stage = await startBrowserStage(fileScope, { platform: { accessTokenLifetime: "1h" } });
});

/** Runs in each page before its own scripts: a clock and a storage that the test can spoil, also across a reload. */
function prepare() {
  const { now } = Date;
  const { setItem } = Storage.prototype;
  const spoilt = (what) => JSON.parse(sessionStorage.getItem(`test.${what}`));
  window.spoil = (what, how) => setItem.call(sessionStorage, `test.${what}`, JSON.stringify(how));
  Date.now = () => {
    const clock = spoilt("clock");
    return clock?.stop ?? now() + (clock?.offset ?? 0);
  };
  Storage.prototype.setItem = function (...entry) {
    if (spoilt("writes")) throw new DOMException("the quota has been exceeded", "QuotaExceededError");
    setItem.apply(this, entry);
  };
}

/** Opens a device that is a page. */
async function openDevice(t, platformUrl, options) {
  const address = stage.pages.address({ url: platformUrl });
  const device = await openPageDevice(t, stage.browser, address, { prepare });
  const lines = () => [...device.console.map(({ text }) => text), ...device.errors];
  const { restart } = eavesdrop(device, lines);
  const initialize = async () => options && (await device.call("initialize", options));
  await initialize();
  return Object.assign(device, {
    async restart() {
      await restart();
      await initialize();
    },
    async launch() {
      await restart();
      return device.evaluate(async () => {
        const begun = performance.now();
        await window.perform("getVersion", []);
        const loaded = performance.now();
        await window.perform("getUserId", []);
        return { core: loaded - begun, user: performance.now() - loaded };
      });
    },
    setClock: ({ offset, stopped }) =>
      device.evaluate((clock) => window.spoil("clock", clock), {
        offset,
        stop: stopped ? Date.now() + offset : undefined,
      }),
    stored: (key) => device.evaluate((key) => localStorage.getItem(key), key),
    store: (key, text) => device.evaluate((entry) => localStorage.setItem(...entry), [key, text]),
    failWrites: (fails) => device.evaluate((fails) => window.spoil("writes", fails), fails),
  });
}

for (const { title, run } of PROBES) {
  test(title, (t) => run(t, { platform: stage.platform, openDevice }));
}

test("a pause that the platform asked one tab for is kept by the others", async (t) => {
  const shortLived = await startPlatform(t, { accessTokenLifetime: "2s" });
  const recorder = await startRecorder(t, shortLived);
  const one = await openDevice(t, recorder.url);
  const two = await one.openTab();
  const { userInfo } = await one.call("createUser", { authCode: await authCode(shortLived, "pause") });
  recorder.answerInstead("/sdk/v1/token", (response) => {
    const headers = { "access-control-allow-origin": "*", "access-control-expose-headers": "retry-after" };
    const body = { message: "No.", errorCode: "TOO_MANY_REQUESTS", ref: "0" };
    response.writeHead(429, { ...headers, "retry-after": "60" }).end(JSON.stringify(body));
  });
  const refused = { reason: "NETWORK_ERROR", details: "The platform asked for a pause." };
  // The old token is good for another moment.
  await eventually("that the platform asks for a pause", () =>
    one.call("requestUserAccessToken").then(
      () => false,
      () => true,
    ),
  );
  const before = recorder.requests.filter(({ path }) => path === "/sdk/v1/token").length;
  await assert.rejects(two.call("requestUserAccessToken"), refused);
  const after = recorder.requests.filter(({ path }) => path === "/sdk/v1/token").length;
  assert.equal(after, before);
  await assertUserIs(two, userInfo.userId);
});
