// The browser's back/forward cache: a page that is left sleeps there, and comes back as it was, into another world.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode, readDetections } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { assertNoUser, assertTokenWorks, assertUserIs } from "../support/main-job.mjs";
import { Surroundings } from "../support/surroundings.mjs";
import { withoutLocksAndChannels } from "../support/old-browser.mjs";

const DETECTING = "ENABLED_AND_DETECTING";
/** How long detections are enabled that end while the page sleeps. */
const SHORT_MS = 2_000;
const AT_HOME = { permissions: ["geolocation"], geolocation: { latitude: 51, longitude: 4 } };

let platform;
let pages;
let browser;
let elsewhere;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
  // Another site, whatever it shows.
  elsewhere = pages.origin.replace("127.0.0.1", "localhost") + "/app.js";
});

/** Opens a device that has a user, listens, and detects. */
async function openDetectingDevice(t, externalId, prepare) {
  const device = await openPageDevice(t, browser, pages.address(platform), { context: AT_HOME, prepare });
  await device.evaluate(() =>
    addEventListener("pageshow", ({ persisted }) => (window.persisted = persisted)),
  );
  const { userInfo } = await device.call("createUser", { authCode: await authCode(platform, externalId) });
  await device.call("addSdkStatusUpdateListener");
  assert.equal((await device.call("enableDetections")).detectionStatus, DETECTING);
  await eventually("that a position is kept", async () => (await device.call("getDiskQuotaUsage")) !== "0");
  return { device, userId: userInfo.userId };
}

/** Goes back to a page, which must have slept in the cache. */
async function comeBack(device, back) {
  assert.deepEqual(await back(), [], "reasons not to keep the page");
  assert.equal(await device.evaluate(() => window.persisted), true, "the page comes from the cache");
}

for (const [browserName, prepare] of [
  ["a browser", undefined],
  ["a browser without locks and channels", withoutLocksAndChannels],
]) {
  test(`${browserName} keeps a page that has a user, listens and detects, and it goes on when it is back`, async (t) => {
    const { device, userId } = await openDetectingDevice(t, `kept by ${browserName}`, prepare);
    const back = await device.leaveFor(elsewhere);
    await comeBack(device, back);
    await assertUserIs(device, userId);
    await assertTokenWorks(platform, device, userId);
    assert.equal((await device.call("getSdkStatus")).detectionStatus, DETECTING);
    // Its own calls, and its listener, work as before; and other tabs hear of it.
    const other = await device.openTab();
    await other.call("addSdkStatusUpdateListener");
    await device.call("disableDetections");
    await device.hears("its own change", ({ detectionStatus }) => detectionStatus === "DISABLED");
    await other.hears("the change", ({ detectionStatus }) => detectionStatus === "DISABLED");
    await other.call("reset");
    await device.hears("the other tab's reset", ({ userExists }) => !userExists);
    await assertNoUser(device);
    device.assertQuiet();
  });

  test(`in ${browserName}, a page that comes back sees what another tab did meanwhile`, async (t) => {
    const { device } = await openDetectingDevice(t, `left in ${browserName}`, prepare);
    const other = await device.openTab();
    const back = await device.leaveFor(elsewhere);
    await other.call("reset");
    const code = await authCode(platform, `next in ${browserName}`);
    const { userInfo } = await other.call("createUser", { authCode: code });
    await comeBack(device, back);
    await eventually("the next user", async () => (await device.call("getUserId")) === userInfo.userId);
    await assertUserIs(device, userInfo.userId);
    assert.equal((await device.call("getSdkStatus")).detectionStatus, "DISABLED");
    await assertTokenWorks(platform, device, userInfo.userId);

    const backAgain = await device.leaveFor(elsewhere);
    await other.call("reset");
    await comeBack(device, backAgain);
    await eventually("that the user is gone", async () => !(await device.call("userExists")));
    await assertNoUser(device);
    device.assertQuiet();
  });
}

test("detections that ended while the page slept have ended when it is back", async (t) => {
  const { device } = await openDetectingDevice(t, "ended");
  const end = Date.now() + SHORT_MS;
  await device.call("enableDetectionsWithExpiryDate", end);
  const back = await device.leaveFor(elsewhere);
  await eventually("the end", () => Date.now() > end);
  await comeBack(device, back);
  await device.hears("the end", ({ detectionStatus }) => detectionStatus === "EXPIRED");
  device.assertQuiet();
});

test("while the tab that records sleeps, another one records", async (t) => {
  const { device, userId } = await openDetectingDevice(t, "two that record");
  const other = await device.openTab();
  assert.equal((await other.call("getSdkStatus")).detectionStatus, DETECTING);
  const surroundings = await Surroundings.of(browser, other);
  const back = await device.leaveFor(elsewhere);
  await surroundings.moveTo(52, 5);
  await eventually("that the other tab records", async () => {
    await other.call("submitDetections");
    const detections = await readDetections(platform, userId);
    return detections.some(({ position }) => position?.latitude === 52);
  });
  await comeBack(device, back);
  await assertUserIs(device, userId);
});
