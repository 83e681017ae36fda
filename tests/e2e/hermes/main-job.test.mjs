// The main job in React Native's engine: the react-native entry, bundled by Metro, in a real Hermes.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode } from "../support/backend.mjs";
import { installPackage } from "../support/consumer.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startHermesDevice } from "../support/hermes-device.mjs";
import { performMainJob } from "../support/main-job.mjs";
import { bundleApp, measureContribution } from "../support/metro.mjs";
import { startPlatform } from "../support/platform.mjs";

const BUNDLE_BUDGET_BYTES = 412_000;

let platform;
let project;
let bundle;

before(async () => {
  [platform, project] = await Promise.all([startPlatform(fileScope), installPackage(fileScope)]);
  bundle = await bundleApp(project, "app.mjs");
});

for (const [form, app] of [
  ["imports", "app.mjs"],
  ["requires", "app.cjs"],
]) {
  test(`the main job in Hermes, in an app that ${form} the package`, async (t) => {
    const options = { bundle: await bundleApp(project, app), initialize: { platformUrl: platform.url } };
    const device = await startHermesDevice(t, options);
    await performMainJob(platform, device, `hermes, ${form}`);
    assert.deepEqual(device.console, []);
  });
}

test("a second device deactivates the first, and the first learns it", async (t) => {
  const options = { bundle, initialize: { platformUrl: platform.url } };
  const first = await startHermesDevice(t, options);
  const second = await startHermesDevice(t, options);
  await first.call("createUser", { authCode: await authCode(platform, "two engines") });
  await first.call("addSdkStatusUpdateListener");
  await second.call("createUser", { authCode: await authCode(platform, "two engines") });
  await first.hears("that another device took over", (status) => status.isRemoteEnabled === false);
});

test("without crypto.getRandomValues, creation fails with the name of the polyfill", async (t) => {
  const options = { bundle, initialize: { platformUrl: platform.url }, randomValues: false };
  const device = await startHermesDevice(t, options);
  await assert.rejects(
    device.call("createUser", { authCode: await authCode(platform, "no random") }),
    (error) => {
      assert.match(error.message, /react-native-get-random-values/);
      assert.ok(error.isSentianceError);
      return true;
    },
  );
  assert.equal(await device.call("userExists"), false);
});

test("the package adds at most 412 KB to an app's minified bundle", async () => {
  const bytes = await measureContribution(project);
  assert.ok(bytes > 10_000, `the bundle has the package in it: ${bytes} bytes`);
  assert.ok(bytes <= BUNDLE_BUDGET_BYTES, `${bytes} bytes`);
});
