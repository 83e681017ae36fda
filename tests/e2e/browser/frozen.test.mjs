// Tabs that the browser stops or slows down, in the middle of anything: the others go on, and the stopped ones find their
// way when they go on themselves.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { launchWindow, openPageDevice, openPageDeviceIn } from "../support/chromium.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { assertTokenWorks, assertUserIs, performMainJob } from "../support/main-job.mjs";
import { withoutLocksAndChannels } from "../support/old-browser.mjs";
import { startRecorder } from "../support/recorder.mjs";

const CREATION = "/sdk/v1/users";
/** How long a tab waits for the lock under which another one writes, at most. */
const LOCK_MS = 10_000;
/** How much slower a throttled tab runs: what Chromium's own tools call a low-end phone. */
const SLOWDOWN = 6;

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
});

/** Opens two tabs of a new device, one before the other. */
async function openTwoTabs(t, address, prepare) {
  const hidden = await openPageDeviceIn(await launchWindow(t), address, prepare);
  return { hidden, front: await hidden.openTab() };
}

/** The tab's token, unless it can't have one at this moment. */
async function tokenOf(tab) {
  const token = await tab.call("requestUserAccessToken").catch(() => undefined);
  return token?.tokenId;
}

for (const [where, prepare] of [
  ["", undefined],
  [", without locks and channels", withoutLocksAndChannels],
]) {
  test(`a tab that is frozen while it creates keeps no other from creating${where}`, async (t) => {
    const recorder = await startRecorder(t, platform);
    const { hidden: frozen, front: other } = await openTwoTabs(t, pages.address(recorder), prepare);
    const unanswered = [];
    recorder.answerInstead(CREATION, (response) => unanswered.push(response), 1);
    const codes = [await authCode(platform, `frozen${where}`), await authCode(platform, `frozen${where}`)];
    const late = frozen.call("createUser", { authCode: codes[0] });
    await eventually("that the creation is sent", () => unanswered.length > 0);
    await frozen.freeze();
    const { userInfo } = await other.call("createUser", { authCode: codes[1] });
    await assertUserIs(other, userInfo.userId);

    await frozen.thaw();
    unanswered.forEach((response) => response.destroy());
    // Its code is for the same person, so that it comes to the same user.
    assert.equal((await late).userInfo.userId, userInfo.userId);
    // Of the two installs the later one stays, which the other tab hears a moment after.
    await eventually("the session that stays, in both tabs", async () => {
      const [token, others] = await Promise.all([tokenOf(frozen), tokenOf(other)]);
      return token !== undefined && token === others;
    });
    for (const tab of [frozen, other]) {
      await assertUserIs(tab, userInfo.userId);
      await assertTokenWorks(platform, tab, userInfo.userId);
    }
    other.assertQuiet();
  });

  test(`a tab that is frozen right after it wrote keeps no other from writing${where}`, async (t) => {
    const { hidden: frozen, front: other } = await openTwoTabs(t, pages.address(platform), prepare);
    const code = await authCode(platform, `wrote${where}`);
    const { userInfo } = await frozen.call("createUser", { authCode: code });
    await eventually("that the other tab sees the user", () => other.call("userExists"));
    await frozen.call("addUserMetadataField", "colour", "green");
    await frozen.freeze();
    const begin = performance.now();
    await other.call("addUserMetadataField", "size", "large");
    await other.call("reset");
    const took = performance.now() - begin;
    t.diagnostic(`two writes after ${Math.round(took)} ms`);
    assert.ok(took < LOCK_MS, `${took} ms`);

    const again = await other.call("createUser", { authCode: await authCode(platform, `next${where}`) });
    assert.notEqual(again.userInfo.userId, userInfo.userId);
    await frozen.thaw();
    await eventually("the next user", async () => (await frozen.call("getUserId")) === again.userInfo.userId);
    await assertUserIs(frozen, again.userInfo.userId);
    frozen.assertQuiet();
    other.assertQuiet();
  });
}

test("a tab that sleeps without a word loses the lock under which it writes", async (t) => {
  const { hidden: asleep, front: other } = await openTwoTabs(t, pages.address(platform));
  // No tab of the SDK's holds it for ever; one that a browser stops in this moment does.
  await asleep.evaluate(
    () =>
      new Promise((held) => {
        const hold = () => {
          held();
          return new Promise(() => {});
        };
        navigator.locks.request("sentiance.core.commit", hold).catch(({ name }) => (window.lost = name));
      }),
  );
  const { userInfo } = await other.call("createUser", { authCode: await authCode(platform, "no word") });
  await assertUserIs(other, userInfo.userId);
  await eventually("that the lock is lost", () => asleep.evaluate(() => window.lost === "AbortError"));
  await eventually("that the other tab sees the user", () => asleep.call("userExists"));
  other.assertQuiet();
});

test("a tab that was frozen tells its listener what changed, once", async (t) => {
  const { hidden: tab, front: other } = await openTwoTabs(t, pages.address(platform));
  await tab.call("createUser", { authCode: await authCode(platform, "asleep") });
  await tab.call("addSdkStatusUpdateListener");
  await tab.freeze();
  await other.call("enableDetections");
  await other.call("disableDetections");
  await other.call("reset");
  await tab.thaw();
  await tab.hears("that the user is gone", ({ userExists }) => !userExists);
  assert.deepEqual(tab.statuses, []);
  assert.equal(await tab.call("userExists"), false);
  tab.assertQuiet();
});

test(`the main job in a page that runs ${SLOWDOWN} times slower`, async (t) => {
  const device = await openPageDevice(t, browser, pages.address(platform));
  const session = await device.protocol();
  await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWDOWN });
  await performMainJob(platform, device, "throttled");
  device.assertQuiet();
});

test("a tab in the background sees what the one in front does, and works as well", async (t) => {
  const { hidden, front } = await openTwoTabs(t, pages.address(platform));
  assert.equal(await hidden.evaluate("document.visibilityState"), "hidden");
  await hidden.call("addSdkStatusUpdateListener");
  const { userInfo } = await front.call("createUser", { authCode: await authCode(platform, "in front") });
  await hidden.hears("that there is a user", ({ userExists }) => userExists);
  await assertUserIs(hidden, userInfo.userId);
  await assertTokenWorks(platform, hidden, userInfo.userId);
  await hidden.call("reset");
  await eventually("that the user is gone", async () => !(await front.call("userExists")));
  await performMainJob(platform, hidden, "in the background");
  hidden.assertQuiet();
  front.assertQuiet();
});
