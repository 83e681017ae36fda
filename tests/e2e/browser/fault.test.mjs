// What the core holds of the browser's when it breaks: nothing may stay held for the tab, or for the others.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode, readDetections } from "../support/backend.mjs";
import { launchChromium, openPageDevice } from "../support/chromium.mjs";
import { installFaultyPackage } from "../support/consumer.mjs";
import { eventually } from "../support/deadline.mjs";
import { FAULTS, WAYS } from "../support/faults.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { assertTokenWorks, assertUserIs } from "../support/main-job.mjs";
import { bundleWithEsbuild, startPages } from "../support/pages.mjs";
import { startPlatform } from "../support/platform.mjs";
import { startRecorder } from "../support/recorder.mjs";
import { Surroundings } from "../support/surroundings.mjs";

const CREATION = "/sdk/v1/users";
const REFRESH = "/sdk/v1/token";
const DETECTING = "ENABLED_AND_DETECTING";
const AT_HOME = { permissions: ["geolocation"], geolocation: { latitude: 51, longitude: 4 } };

let platform;
let browser;
/** The pages by the core that they load. */
const pagesWith = {};

before(async () => {
  let project;
  [platform, project, browser] = await Promise.all([
    startPlatform(fileScope),
    installFaultyPackage(fileScope),
    launchChromium(fileScope),
  ]);
  pagesWith.WebAssembly = await startPages(fileScope, await bundleWithEsbuild(project));
  pagesWith.JavaScript = await startPages(fileScope, await bundleWithEsbuild(project, ["react-native"]));
});

/** Breaks the core of a tab. */
function breakCore(tab) {
  return assert.rejects(tab.call("breakCore"), { reason: "UNEXPECTED_ERROR" });
}

for (const core of ["WebAssembly", "JavaScript"]) {
  for (const [who, next] of [
    ["the same tab", (tab) => tab],
    ["another tab", (tab) => tab.openTab()],
  ]) {
    test(`${core}: after the core broke during a creation, the next one in ${who} succeeds`, async (t) => {
      const recorder = await startRecorder(t, platform);
      const tab = await openPageDevice(t, browser, pagesWith[core].address(recorder));
      recorder.answerInstead(CREATION, () => undefined);
      const code = await authCode(platform, `${core} broken, then ${who}`);
      const creation = assert.rejects(tab.call("createUser", { authCode: code }), {
        reason: "UNEXPECTED_ERROR",
        retryable: true,
      });
      await eventually("that the creation is sent", () =>
        recorder.requests.some(({ path }) => path === CREATION),
      );
      await breakCore(tab);
      await creation;

      recorder.passOn(CREATION);
      const nextTab = await next(tab);
      const { userInfo } = await nextTab.call("createUser", { authCode: code });
      for (const either of [tab, nextTab]) {
        await assertUserIs(either, userInfo.userId);
        await assertTokenWorks(platform, either, userInfo.userId);
      }
      assert.deepEqual(await nextTab.call("reset"), { initState: "INITIALIZED" });
    });
  }

  test(`${core}: what a tab was doing when its core broke, other tabs do at once`, async (t) => {
    const shortLived = await startPlatform(t, { accessTokenLifetime: "1s" });
    const recorder = await startRecorder(t, shortLived);
    const address = pagesWith[core].address(recorder);
    const tab = await openPageDevice(t, browser, address, { context: AT_HOME });
    const externalId = `${core} broken among others`;
    const { userInfo } = await tab.call("createUser", { authCode: await authCode(shortLived, externalId) });
    const { userId } = userInfo;
    // This one records, and the others wait for their turn.
    assert.equal((await tab.call("enableDetections")).detectionStatus, DETECTING);
    await eventually("that a position is kept", async () => (await tab.call("getDiskQuotaUsage")) !== "0");
    const others = [await tab.openTab(), await tab.openTab()];
    for (const other of others) assert.equal((await other.call("getSdkStatus")).detectionStatus, DETECTING);
    // And it refreshes.
    await eventually("the token's end", () => Date.now() > Date.parse(userInfo.tokenExpiryDate));
    recorder.answerInstead(REFRESH, () => undefined, 1);
    const refresh = assert.rejects(tab.call("requestUserAccessToken"), { reason: "UNEXPECTED_ERROR" });
    await eventually("that the refresh is sent", () =>
      recorder.requests.some(({ path }) => path === REFRESH),
    );

    await breakCore(tab);
    await refresh;
    const { held } = await others[0].evaluate(() => navigator.locks.query());
    assert.ok(!held.some(({ name }) => name === "sentiance.core.refresh"), JSON.stringify(held));
    for (const other of others) await assertTokenWorks(shortLived, other, userId);
    for (const other of others) {
      await (await Surroundings.of(browser, other)).moveTo(52, 5);
    }
    await eventually("that another tab records", async () => {
      await others[0].call("submitDetections");
      const detections = await readDetections(shortLived, userId);
      return detections.some(({ position }) => position?.latitude === 52);
    });
    await assertUserIs(tab, userId);
    await assertTokenWorks(shortLived, tab, userId);
    await others[1].call("reset");
    await eventually("that the broken tab sees the reset", async () => !(await tab.call("userExists")));
  });
}

/** Runs in the page before its own scripts: a `fetch` that breaks the core before it hands an answer on. */
function prepare() {
  const { fetch } = window;
  window.fetch = async (...request) => {
    const response = await fetch(...request);
    if (window.breakOn && String(request[0]).endsWith(window.breakOn)) {
      window.breakOn = undefined;
      await window.perform("breakCore", []);
    }
    return response;
  };
}

for (const core of ["WebAssembly", "JavaScript"]) {
  const openDevice = async (t, platformUrl) => {
    const address = pagesWith[core].address({ url: platformUrl });
    const device = await openPageDevice(t, browser, address, { prepare });
    const breakOnAnswerOf = (path) => device.evaluate((path) => (window.breakOn = path), path);
    return Object.assign(device, { breakOnAnswerOf });
  };
  for (const { title, run } of FAULTS) {
    test(`${core}: ${title}`, (t) => run(t, { platform, openDevice, ways: WAYS[core] }));
  }
}
