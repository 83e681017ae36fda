// Private windows: the SDK works in them as anywhere, sees nothing of the others, and is gone with them.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode } from "../support/backend.mjs";
import { launchProfile, openPageDevice, openPageDeviceIn } from "../support/chromium.mjs";
import { installPackage } from "../support/consumer.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { assertNoUser, assertUserIs, performMainJob } from "../support/main-job.mjs";
import { bundleWithEsbuild, startPages } from "../support/pages.mjs";
import { startPlatform } from "../support/platform.mjs";
import { Scope } from "../support/scope.mjs";

let platform;
let pages;
let profile;

before(async () => {
  let project;
  [platform, project, profile] = await Promise.all([
    startPlatform(fileScope),
    installPackage(fileScope),
    launchProfile(fileScope),
  ]);
  pages = await startPages(fileScope, await bundleWithEsbuild(project));
});

/** Opens a private window, which `scope` closes. */
function openPrivateWindow(scope) {
  return openPageDevice(scope, profile.browser(), pages.address(platform));
}

test("the main job in a private window", async (t) => {
  const device = await openPrivateWindow(t);
  await performMainJob(platform, device, "private");
  assert.deepEqual(device.warnings, []);
  device.assertQuiet();
});

test("a private window has no user of another window's, and leaves none behind", async (t) => {
  const ordinary = await openPageDeviceIn(profile, pages.address(platform));
  const code = await authCode(platform, "ordinary");
  const { userInfo } = await ordinary.call("createUser", { authCode: code });

  const [one, other] = [await openPrivateWindow(t), await openPrivateWindow(t)];
  for (const device of [one, other]) await assertNoUser(device);
  const window = new Scope();
  const brief = await openPrivateWindow(window);
  const secret = await brief.call("createUser", { authCode: await authCode(platform, "brief") });
  assert.notEqual(secret.userInfo.userId, userInfo.userId);
  await assertUserIs(brief, secret.userInfo.userId);
  for (const device of [one, other]) await assertNoUser(device);
  await assertUserIs(ordinary, userInfo.userId);

  await window.close();
  await assertNoUser(await openPrivateWindow(t));
  await ordinary.restart();
  await assertUserIs(ordinary, userInfo.userId);
  for (const device of [one, other, ordinary]) device.assertQuiet();
});
