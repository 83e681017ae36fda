// What the core holds of the browser's when it breaks: nothing may stay held for the tab, or for the others.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { installFaultyPackage } from "../support/consumer.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { assertTokenWorks, assertUserIs } from "../support/main-job.mjs";
import { startRecorder } from "../support/recorder.mjs";

const CREATION = "/sdk/v1/users";

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope, installFaultyPackage));
});

for (const [who, next] of [
  ["the same tab", (tab) => tab],
  ["another tab", (tab) => tab.openTab()],
]) {
  test(`after the core broke during a creation, the next one in ${who} succeeds`, async (t) => {
    const recorder = await startRecorder(t, platform);
    const tab = await openPageDevice(t, browser, pages.address(recorder));
    recorder.answerInstead(CREATION, () => undefined);
    const code = await authCode(platform, `broken, then ${who}`);
    const creation = assert.rejects(tab.call("createUser", { authCode: code }), {
      reason: "UNEXPECTED_ERROR",
      retryable: true,
    });
    await eventually("that the creation is sent", () =>
      recorder.requests.some(({ path }) => path === CREATION),
    );
    await assert.rejects(tab.call("breakCore"), { reason: "UNEXPECTED_ERROR" });
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
