// One user, several devices: browser contexts, each with storage of its own, on one platform.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { devices } from "playwright-core";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { assertUserIs, signIn } from "../support/main-job.mjs";

const DESKTOP = {};
const PHONE = { context: devices["Pixel 7"] };
// Safari has no client hints; an emulated iPad in Chromium would have them, and they would call it a phone.
const IPAD = {
  context: devices["iPad Mini"],
  prepare: () => Object.defineProperty(Navigator.prototype, "userAgentData", { value: undefined }),
};
// Chrome's hints on an Android tablet say "not mobile", which playwright derives from this option.
const ANDROID_TABLET = { context: { ...devices["Galaxy Tab S4"], isMobile: false } };

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
});

/** Opens a new device of this kind. */
function open(t, kind) {
  return openPageDevice(t, browser, pages.address(platform), kind);
}

/** Creates or restores the user on this device and returns its id. */
async function createUser(device, externalId) {
  const { userId } = await signIn(platform, device, externalId);
  return userId;
}

/** Checks that the device has the user, but not the right to act for it. */
async function assertDeactivated(device, userId) {
  const status = await device.call("getSdkStatus");
  assert.equal(status.isRemoteEnabled, false);
  assert.equal(status.canDetect, false);
  assert.equal(await device.call("getUserId"), userId);
  await assert.rejects(device.call("requestUserAccessToken"), { reason: "USER_DISABLED_REMOTELY" });
}

test("a second device deactivates the first, and the first learns it", async (t) => {
  const [first, second] = [await open(t, DESKTOP), await open(t, DESKTOP)];
  const userId = await createUser(first, "two devices");
  await first.call("addSdkStatusUpdateListener");
  await assertUserIs(first, userId);

  assert.equal(await createUser(second, "two devices"), userId);
  await first.hears("that another device took over", (status) => status.isRemoteEnabled === false);
  await assertDeactivated(first, userId);
  await assertUserIs(second, userId);

  await first.restart();
  await assertDeactivated(first, userId);
  first.assertQuiet();
  second.assertQuiet();
});

for (const [name, tablet] of [
  ["an iPad", IPAD],
  ["an Android tablet", ANDROID_TABLET],
]) {
  test(`${name} leaves the user's phone active, and is itself inactive`, async (t) => {
    const phone = await open(t, PHONE);
    const userId = await createUser(phone, `phone and ${name}`);
    await phone.call("addSdkStatusUpdateListener");

    const other = await open(t, tablet);
    assert.equal(await createUser(other, `phone and ${name}`), userId);
    await assertDeactivated(other, userId);
    await assertUserIs(phone, userId);
    await phone.call("requestUserAccessToken");

    const desktop = await open(t, DESKTOP);
    assert.equal(await createUser(desktop, `phone and ${name}`), userId);
    await phone.hears("that the desktop took over", (status) => status.isRemoteEnabled === false);
    await assertDeactivated(phone, userId);
    await assertUserIs(desktop, userId);
    for (const device of [phone, other, desktop]) device.assertQuiet();
  });
}

test("a phone takes over from a tablet", async (t) => {
  const tablet = await open(t, IPAD);
  const userId = await createUser(tablet, "tablet first");
  await tablet.call("addSdkStatusUpdateListener");
  await assertUserIs(tablet, userId);

  const phone = await open(t, PHONE);
  assert.equal(await createUser(phone, "tablet first"), userId);
  await tablet.hears("that the phone took over", (status) => status.isRemoteEnabled === false);
  await assertUserIs(phone, userId);
});
