// The main job in Chromium, in a page that was bundled from the installed package, under a strict security policy.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode } from "../support/backend.mjs";
import { launchChromium, openPageDevice } from "../support/chromium.mjs";
import { installPackage } from "../support/consumer.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { performMainJob } from "../support/main-job.mjs";
import { bundleWithEsbuild, bundleWithVite, startPages } from "../support/pages.mjs";
import { startPlatform } from "../support/platform.mjs";

let platform;
let project;
let browser;

before(async () => {
  [platform, project, browser] = await Promise.all([
    startPlatform(fileScope),
    installPackage(fileScope),
    launchChromium(fileScope),
  ]);
});

for (const [bundler, bundle] of [
  ["esbuild", bundleWithEsbuild],
  ["Vite", bundleWithVite],
]) {
  test(`the main job in a page that ${bundler} bundled`, async (t) => {
    const pages = await startPages(t, await bundle(project));
    const device = await openPageDevice(t, browser, pages.address(platform));
    await performMainJob(platform, device, `browser, ${bundler}`);
    device.assertQuiet();
  });
}

test("a page that may not use localStorage has its user in memory, and one warning says so", async (t) => {
  const pages = await startPages(t, await bundleWithEsbuild(project));
  const device = await openPageDevice(t, browser, pages.address(platform), {
    prepare: () => {
      Object.defineProperty(window, "localStorage", {
        get() {
          throw new DOMException("Access is denied for this document.", "SecurityError");
        },
      });
    },
  });
  const { userInfo } = await device.call("createUser", { authCode: await authCode(platform, "no storage") });
  assert.equal(await device.call("getUserId"), userInfo.userId);
  assert.equal((await device.call("requestUserAccessToken")).tokenId, userInfo.tokenId);
  const warnings = device.console.filter(({ type }) => type === "warning");
  assert.equal(warnings.length, 1, JSON.stringify(device.console));
  assert.match(warnings[0].text, /STORAGE_UNAVAILABLE.*localStorage/);
  await device.restart();
  assert.equal(await device.call("userExists"), false);
  device.assertQuiet();
});

test("a page whose policy forbids WebAssembly learns which keyword allows it", async (t) => {
  const pages = await startPages(t, await bundleWithEsbuild(project));
  const device = await openPageDevice(t, browser, pages.address(platform, { allowsWasm: false }));
  await assert.rejects(device.call("getUserId"), (error) => {
    assert.equal(error.code, "E_SDK_NOT_INITIALIZED");
    assert.match(error.message + error.details, /'wasm-unsafe-eval'/);
    return true;
  });
  await assert.rejects(device.call("ensureInitialized"), { reason: "UNSUPPORTED_OS_VERSION" });
});
