// A browser learns at once what was decided elsewhere: one of its tabs follows the platform's events for all.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startRecorder } from "../support/recorder.mjs";

const EVENTS = "/sdk/v1/events";
const TABS = 4;

let platform;
let pages;
let browser;

before(async () => {
  // Nobody polls during a test.
  ({ platform, pages, browser } = await startBrowserStage(fileScope, {
    platform: { statusPollSeconds: 3_600 },
  }));
});

/** Opens a tab of a new device, whose requests pass through a recorder. */
async function open(t, options) {
  const recorder = await startRecorder(t, platform);
  const tab = await openPageDevice(t, browser, pages.address(recorder), options);
  const streams = () => recorder.requests.filter(({ path, isOpen }) => path === EVENTS && isOpen);
  return { recorder, tab, streams };
}

/** Creates the user, listens, and waits until the device is followed. */
async function createFollowedUser({ tab, streams }, externalId) {
  await tab.call("addSdkStatusUpdateListener");
  const { userInfo } = await tab.call("createUser", { authCode: await authCode(platform, externalId) });
  await eventually("that a tab follows", () => streams().some(({ status }) => status === 200));
  return userInfo.userId;
}

function setEnabled(userId, isEnabled) {
  const command = isEnabled ? "enable" : "disable";
  return platform.command("user", command, "--app", platform.appId, userId);
}

async function hears(tab, isEnabled) {
  const what = isEnabled ? "that the user was enabled" : "that the user was disabled";
  await tab.hears(what, ({ userExists, isRemoteEnabled }) => userExists && isRemoteEnabled === isEnabled);
}

/** In pages that are always visible, lets the test say that one is hidden. */
function prepareHiding() {
  let state = "visible";
  Object.defineProperty(Document.prototype, "visibilityState", { get: () => state });
  window.hide = (hidden) => {
    state = hidden ? "hidden" : "visible";
    document.dispatchEvent(new Event("visibilitychange"));
  };
}

test("all tabs hear what one of them is told, also the hidden ones", async (t) => {
  const device = await open(t, { prepare: prepareHiding });
  const userId = await createFollowedUser(device, "many tabs");
  const tabs = [device.tab];
  while (tabs.length < TABS) {
    const tab = await device.tab.openTab();
    await tab.call("addSdkStatusUpdateListener");
    tabs.push(tab);
  }
  for (const tab of tabs.slice(0, -1)) await tab.evaluate(() => window.hide(true));
  for (const isEnabled of [false, true]) {
    await setEnabled(userId, isEnabled);
    await Promise.all(tabs.map((tab) => hears(tab, isEnabled)));
  }
  assert.equal(device.streams().length, 1, "for all of them there is one stream");
  for (const tab of tabs) tab.assertQuiet();
});

test("a hidden tab hears that another device took over", async (t) => {
  const [one, two] = [await open(t, { prepare: prepareHiding }), await open(t)];
  await createFollowedUser(one, "taken over");
  await one.tab.evaluate(() => window.hide(true));
  await createFollowedUser(two, "taken over");
  await hears(one.tab, false);
  await assert.rejects(one.tab.call("requestUserAccessToken"), (error) => {
    assert.match(error.details, /^Another device/);
    return true;
  });
});

test("when the tab that follows is closed, or goes elsewhere, the next one follows", async (t) => {
  const device = await open(t);
  const userId = await createFollowedUser(device, "next tab");
  const [second, third] = [await device.tab.openTab(), await device.tab.openTab()];
  for (const tab of [second, third]) await tab.call("addSdkStatusUpdateListener");

  await device.tab.close();
  await setEnabled(userId, false);
  for (const tab of [second, third]) await hears(tab, false);

  await second.evaluate(() => void (location.href = "about:blank"));
  await setEnabled(userId, true);
  await hears(third, true);
  await eventually("that one tab follows", () => device.streams().length === 1);
});

test("a page that is frozen leaves the stream to another, and gets in line when it wakes", async (t) => {
  const device = await open(t);
  const userId = await createFollowedUser(device, "frozen");
  const other = await device.tab.openTab();
  await other.call("addSdkStatusUpdateListener");
  const [first] = device.streams();

  await device.tab.evaluate(() => void document.dispatchEvent(new Event("freeze")));
  await eventually("that its stream is closed", () => !first.isOpen);
  await eventually("that the other one follows", () => device.streams().length === 1);
  await setEnabled(userId, false);
  await hears(other, false);

  await device.tab.evaluate(() => void document.dispatchEvent(new Event("resume")));
  await hears(device.tab, false);
  await other.close();
  await eventually("that the first follows again", () => device.streams().length === 1);
  await setEnabled(userId, true);
  await hears(device.tab, true);
});

test("in a browser without locks only a visible tab follows", async (t) => {
  const device = await open(t, {
    prepare: () => {
      Object.defineProperty(Navigator.prototype, "locks", { value: undefined });
      let state = "visible";
      Object.defineProperty(Document.prototype, "visibilityState", { get: () => state });
      window.hide = (hidden) => {
        state = hidden ? "hidden" : "visible";
        document.dispatchEvent(new Event("visibilitychange"));
      };
    },
  });
  const userId = await createFollowedUser(device, "without locks");
  await device.tab.evaluate(() => window.hide(true));
  await eventually("that nobody follows", () => device.streams().length === 0);
  await setEnabled(userId, false);
  await device.tab.evaluate(() => window.hide(false));
  await hears(device.tab, false);
  await eventually("that it follows again", () => device.streams().length === 1);
});

test("a page without a user sends nothing at all", async (t) => {
  const { tab, recorder } = await open(t);
  await tab.call("addSdkStatusUpdateListener");
  await tab.call("getSdkStatus");
  await tab.call("reset");
  assert.deepEqual(recorder.requests, []);
});
