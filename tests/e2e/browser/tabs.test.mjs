// One device, several tabs: pages of one browser context, which share their storage.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { assertNoUser, assertTokenWorks, assertUserIs } from "../support/main-job.mjs";
import { withoutLocksAndChannels } from "../support/old-browser.mjs";
import { startRecorder } from "../support/recorder.mjs";

const ROUNDS = 10;

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
});

/** Opens two tabs of a new device, whose requests all pass through a recorder. */
async function openTwoTabs(t, options) {
  const recorder = await startRecorder(t, platform);
  const one = await openPageDevice(t, browser, pages.address(recorder), options);
  return { recorder, one, two: await one.openTab() };
}

for (const [title, createUser, reasons] of [
  ["create at once", "createUser", ["USER_CREATION_IN_PROGRESS", "USER_ALREADY_EXISTS"]],
  // This one takes over in the instant in which the other is done, when what that one wrote may still be on its way.
  ["insist on creating", "insistOnUser", ["USER_ALREADY_EXISTS"]],
]) {
  test(`two tabs that ${title} make one user, every time`, async (t) => {
    const { recorder, one, two } = await openTwoTabs(t);
    await Promise.all([one.call("ensureInitialized"), two.call("ensureInitialized")]);
    for (let round = 1; round <= ROUNDS; round += 1) {
      recorder.requests.length = 0;
      const codes = [
        await authCode(platform, `${title}: one ${round}`),
        await authCode(platform, `${title}: two ${round}`),
      ];
      const outcomes = await Promise.allSettled([
        one.call(createUser, codes[0]),
        two.call(createUser, codes[1]),
      ]);

      const winners = outcomes.filter(({ status }) => status === "fulfilled");
      assert.equal(winners.length, 1, `round ${round}: ${JSON.stringify(outcomes)}`);
      const { reason } = outcomes.find(({ status }) => status === "rejected");
      assert.ok(reasons.includes(reason.reason), reason.text);
      const created = recorder.requests.filter(
        ({ path, status }) => path === "/sdk/v1/users" && status === 201,
      );
      assert.equal(created.length, 1, `round ${round}: the platform has one user`);
      const { userId } = winners[0].value.userInfo;
      for (const tab of [one, two]) {
        await eventually("that both tabs see the user", () => tab.call("userExists"));
        await assertUserIs(tab, userId);
      }
      await one.call("reset");
      await eventually("that the other tab sees the reset", async () => !(await two.call("userExists")));
    }
    one.assertQuiet();
    two.assertQuiet();
  });
}

test("a tab sees at once what another one does", async (t) => {
  const { one, two } = await openTwoTabs(t);
  await two.call("addSdkStatusUpdateListener");
  const { userInfo } = await one.call("createUser", { authCode: await authCode(platform, "seen") });
  await two.hears("that there is a user", (status) => status.userExists);
  await assertUserIs(two, userInfo.userId);
  await assertTokenWorks(platform, two, userInfo.userId);

  await one.call("reset");
  await two.hears("that the user is gone", (status) => !status.userExists);
  await assertNoUser(two);
  one.assertQuiet();
  two.assertQuiet();
});

test("where the app has a storage of its own, a tab sees at once what another one does", async (t) => {
  const { one, two } = await openTwoTabs(t);
  for (const tab of [one, two]) {
    // One of which no browser tells that it changed, and in which every tab sees a write at once.
    await tab.evaluate(() => {
      const open = () => caches.open("app");
      return window.sdk.initialize({
        storage: {
          getItem: async (key) => (await (await open()).match(`/${key}`))?.text() ?? null,
          setItem: async (key, text) => (await open()).put(`/${key}`, new Response(text)),
          removeItem: async (key) => (await open()).delete(`/${key}`),
        },
      });
    });
  }
  await two.call("addSdkStatusUpdateListener");
  const { userInfo } = await one.call("createUser", { authCode: await authCode(platform, "own storage") });
  await two.hears("that there is a user", (status) => status.userExists);
  await assertUserIs(two, userInfo.userId);
  await one.call("reset");
  await two.hears("that the user is gone", (status) => !status.userExists);
  await assertNoUser(two);
});

test("a user created in one tab is there in a tab that is opened later", async (t) => {
  const { one } = await openTwoTabs(t);
  const { userInfo } = await one.call("createUser", { authCode: await authCode(platform, "later") });
  const later = await one.openTab();
  await assertUserIs(later, userInfo.userId);
  await assert.rejects(later.call("createUser", { authCode: await authCode(platform, "later") }), {
    reason: "USER_ALREADY_EXISTS",
  });
});

test("in a browser without locks and channels, tabs exclude and see each other all the same", async (t) => {
  const { recorder, one, two } = await openTwoTabs(t, { prepare: withoutLocksAndChannels });
  await two.call("addSdkStatusUpdateListener");
  // The first tab's creation hangs on the wire.
  recorder.answerInstead("/sdk/v1/users", () => {});
  const hanging = one.call("createUser", { authCode: await authCode(platform, "old browser") });
  hanging.catch(() => {});
  await eventually("that the creation is sent", () => recorder.requests.length > 0);
  const options = { authCode: await authCode(platform, "old browser") };
  await assert.rejects(two.call("createUser", options), { reason: "USER_CREATION_IN_PROGRESS" });

  // A tab that goes away gives its lease back, which the other one sees a moment later.
  await one.close();
  recorder.passOn("/sdk/v1/users");
  const { userInfo } = await two.call("insistOnUser", options.authCode);
  const third = await two.openTab();
  await assertUserIs(third, userInfo.userId);
  await third.call("reset");
  await two.hears("that the user is gone", (status) => !status.userExists);
});
