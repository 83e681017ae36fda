// Many tabs of one device whose token has expired: they share one refresh, whatever happens to some of them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { before, test } from "node:test";
import { availableParallelism } from "node:os";
import { authCode } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { launchWindow, openPageDevice, openPageDeviceIn } from "../support/chromium.mjs";
import { eventually, within } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { assertTokenWorks, assertUserIs } from "../support/main-job.mjs";
import { withoutLocksAndChannels } from "../support/old-browser.mjs";
import { startRecorder } from "../support/recorder.mjs";
import { RECORD_KEY } from "../support/storages.mjs";

const TABS = 20;
const FROZEN = 5;
const REFRESH = "/sdk/v1/token";
/** How far ahead the moment lies at which all tabs ask. */
const AHEAD_MS = 500;

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
});

/** Opens the tabs of a new device, one before the other in a window; they all go through a recorder. */
async function openTabs(t, prepare) {
  const recorder = await startRecorder(t, platform);
  const tabs = [await openPageDeviceIn(await launchWindow(t), pages.address(recorder), prepare)];
  while (tabs.length < TABS) tabs.push(await tabs[0].openTab());
  await Promise.all(tabs.map((tab) => tab.call("ensureInitialized")));
  return { recorder, tabs };
}

/** Creates a user whose token expires at once; later ones last. */
async function createExpiredUser({ recorder, tabs }, externalId) {
  await platform.restartWith({ accessTokenLifetime: "1s" });
  const { userInfo } = await tabs[0].call("createUser", { authCode: await authCode(platform, externalId) });
  for (const tab of tabs) await eventually("that the tab sees the user", () => tab.call("userExists"));
  await eventually("the token's end", () => Date.now() > Date.parse(userInfo.tokenExpiryDate));
  await platform.restartWith({ accessTokenLifetime: "24h" });
  recorder.requests.length = 0;
  return userInfo;
}

/** Has the tabs ask for the token in the same instant, and returns what each gets. */
function askAtOnce(tabs) {
  const at = Date.now() + AHEAD_MS;
  const ask = async (at) => {
    await new Promise((resolve) => setTimeout(resolve, at - Date.now()));
    return window.perform("requestUserAccessToken", []);
  };
  return tabs.map((tab) => within("requestUserAccessToken()", tab.evaluate(ask, at)));
}

/** Leaves the browser little time on any core until the test ends, which is within two minutes. */
function keepCoresBusy(t) {
  const code = "const end = Date.now() + 120_000; while (Date.now() < end);";
  const start = () => spawn(process.execPath, ["-e", code], { stdio: "ignore" });
  const children = Array.from({ length: availableParallelism() }, start);
  t.after(() => children.forEach((child) => child.kill()));
}

function refreshes({ recorder }) {
  return recorder.requests.filter(({ path }) => path === REFRESH);
}

/** Checks that each tab got the same new token, and has the user still. */
async function assertSharesToken(tabs, answers, { userId, tokenId }) {
  assert.deepEqual(
    answers.filter(({ error }) => error),
    [],
  );
  const tokens = new Set(answers.map(({ value }) => value.tokenId));
  assert.equal(tokens.size, 1, `${tokens.size} tokens`);
  assert.ok(!tokens.has(tokenId), "a new one");
  for (const tab of tabs) {
    assert.equal((await tab.call("requestUserAccessToken")).tokenId, [...tokens][0]);
    assert.equal(await tab.call("getUserId"), userId);
  }
  await assertTokenWorks(platform, tabs.at(-1), userId);
  await assertUserIs(tabs.at(-1), userId);
}

test(`${TABS} tabs with an expired token make one refresh, and frozen ones don't keep the others`, async (t) => {
  const device = await openTabs(t);
  const { tabs, recorder } = device;
  for (const cores of ["idle", "busy"]) {
    await t.test(`all ask at once, the cores are ${cores}`, async (t) => {
      const user = await createExpiredUser(device, `twenty tabs, ${cores}`);
      if (cores === "busy") keepCoresBusy(t);
      const answers = await Promise.all(askAtOnce(tabs));
      const sent = refreshes(device).length;
      t.diagnostic(`${TABS} tabs, cores ${cores}: ${sent} refreshes`);
      assert.ok(sent <= 2, `${sent} refreshes`);
      await assertSharesToken(tabs, answers, user);
      await tabs[0].call("reset");
      for (const tab of tabs) await eventually("the reset", async () => !(await tab.call("userExists")));
    });
  }

  await t.test(`${FROZEN} are frozen, among them the one that refreshes`, async () => {
    const user = await createExpiredUser(device, "frozen tabs");
    const unanswered = [];
    recorder.answerInstead(REFRESH, (response) => unanswered.push(response), 1);
    const [frozen, live] = [tabs.slice(0, FROZEN), tabs.slice(FROZEN)];
    const late = askAtOnce(frozen);
    await eventually("that the refresh is sent", () => refreshes(device).length > 0);
    for (const tab of frozen) await tab.freeze();

    const asked = performance.now();
    const answers = await Promise.all(askAtOnce(live));
    const waited = Math.round(performance.now() - asked - AHEAD_MS);
    const sent = refreshes(device).length;
    t.diagnostic(`${TABS} tabs, ${FROZEN} of them frozen: ${sent} refreshes, after ${waited} ms`);
    assert.ok(sent <= 2, `${sent} refreshes`);
    await assertSharesToken(live, answers, user);

    unanswered.forEach((response) => response.destroy());
    for (const tab of frozen) await tab.thaw();
    await assertSharesToken(tabs, [...answers, ...(await Promise.all(late))], user);
    assert.ok(refreshes(device).length <= 3, "those that wake up have no need of another one");
  });
});

test(`${TABS} tabs without locks and channels share a token, too`, async (t) => {
  const device = await openTabs(t, withoutLocksAndChannels);
  const user = await createExpiredUser(device, "twenty old tabs");
  const answers = await Promise.all(askAtOnce(device.tabs));
  const sent = refreshes(device).length;
  t.diagnostic(`${TABS} tabs without locks: ${sent} refreshes`);
  // Nothing makes them exclude each other for certain, so each may ask once. No session may be lost by that.
  assert.ok(sent <= TABS, `${sent} refreshes`);
  await assertSharesToken(device.tabs, answers, user);
});

test("a new token that a tab without locks has overwritten is put back", async (t) => {
  const recorder = await startRecorder(t, platform);
  const one = await openPageDevice(t, browser, pages.address(recorder), { prepare: withoutLocksAndChannels });
  const two = await one.openTab();
  const tabs = [one, two];
  const user = await createExpiredUser({ recorder, tabs }, "overwritten");
  const readRecord = () => one.evaluate((key) => localStorage.getItem(key), RECORD_KEY);
  const before = await readRecord();
  const { tokenId } = await one.call("requestUserAccessToken");
  const isStored = async () => (await readRecord()).includes(tokenId);
  assert.ok(await isStored());

  // As another tab does that has not seen the new token when it writes.
  await two.evaluate(([key, text]) => localStorage.setItem(key, text), [RECORD_KEY, before]);
  await eventually("that the token is stored again", isStored);
  await assertSharesToken(tabs, [{ value: { tokenId } }], user);
  await one.restart();
  await assertSharesToken(tabs, [{ value: { tokenId } }], user);
  assert.equal(refreshes({ recorder }).length, 1);
});
