// Pages whose storage is denied, full, a dummy, or missing: the user is usable all the same, and one warning says what
// is the matter.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode, readDetections } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { launchProfile, openPageDevice, openPageDeviceIn } from "../support/chromium.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { assertNoUser, assertTokenWorks, assertUserIs } from "../support/main-job.mjs";
import { startPlatform } from "../support/platform.mjs";
import { startRecorder } from "../support/recorder.mjs";
import { Surroundings } from "../support/surroundings.mjs";

/** A person who lets no site keep anything. */
const NOTHING_KEPT = { profile: { default_content_setting_values: { cookies: 2 } } };
/** How many devices are tried at once. */
const AT_ONCE = 4;

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
});

/** Notes something of the user. A storage that fails may refuse that, but says so. */
async function addMetadata(device) {
  await device.call("addUserMetadataField", "colour", "green").catch((error) => {
    assert.equal(error.reason, "UNEXPECTED_ERROR");
    assert.match(error.details, /^Nothing was changed, since the storage failed: /);
    assert.equal(error.retryable, true);
  });
}

/** Performs what an app does with a user: creates it, notes something, resets, and creates it again. */
async function useUser(device, externalId) {
  const { userInfo } = await device.call("createUser", { authCode: await authCode(platform, externalId) });
  await assertUserIs(device, userInfo.userId);
  await assertTokenWorks(platform, device, userInfo.userId);
  await addMetadata(device);
  await device.call("enableDetections");
  await device.call("reset");
  await assertNoUser(device);
  const again = await device.call("createUser", { authCode: await authCode(platform, externalId) });
  assert.equal(again.userInfo.userId, userInfo.userId);
  await assertUserIs(device, userInfo.userId);
  await assertTokenWorks(platform, device, userInfo.userId);
  return userInfo.userId;
}

test("in a browser that keeps nothing, the user lives in memory, and one warning says so", async (t) => {
  const context = await launchProfile(t, NOTHING_KEPT);
  const device = await openPageDeviceIn(context, pages.address(platform));
  const thrown = await device.evaluate(() => {
    try {
      return String(window.localStorage);
    } catch (error) {
      return error.name;
    }
  });
  assert.equal(thrown, "SecurityError", "the browser denies the storage");
  await useUser(device, "nothing kept");
  assert.deepEqual(device.warnings, ["STORAGE_UNAVAILABLE"]);
  await device.restart();
  await assertNoUser(device);
  device.assertQuiet();
});

test("in a sandboxed page of no origin, the user lives in memory, and one warning says so", async (t) => {
  // The platform serves no page without an origin; an app that wants to be there asks through a server of its own.
  const proxy = await startRecorder(t, platform, { standsFor: pages.origin });
  const device = await openPageDevice(t, browser, pages.address(proxy, { isSandboxed: true }));
  assert.equal(await device.evaluate(() => window.origin), "null");
  await useUser(device, "sandboxed");
  assert.deepEqual(device.warnings, ["STORAGE_UNAVAILABLE"]);
  device.assertQuiet();
});

test("where localStorage takes everything and keeps nothing, the user lives in memory", async (t) => {
  const device = await openPageDevice(t, browser, pages.address(platform), {
    prepare: () => (Storage.prototype.setItem = () => {}),
  });
  await useUser(device, "a dummy");
  assert.deepEqual(device.warnings, ["STORAGE_WRITE_FAILED"]);
  device.assertQuiet();
});

/**
 * Runs in the page before its own scripts: counts the writes to `localStorage`, and has it be full at those that
 * `window.isFull` picks by their number.
 */
function countWrites() {
  const write = Storage.prototype.setItem;
  window.writes = 0;
  Storage.prototype.setItem = function (key, text) {
    window.writes += 1;
    if (window.isFull?.(window.writes)) {
      window.refused = true;
      throw new DOMException("It is full.", "QuotaExceededError");
    }
    write.call(this, key, text);
  };
}

/** A life of a user, with every kind of write: creation, metadata, detections, refreshes, and reset. */
async function live(shortLived, device, externalId) {
  const code = await authCode(shortLived, externalId);
  const { userInfo } = await device.call("createUser", { authCode: code });
  const { userId } = userInfo;
  const check = async () => {
    await assertUserIs(device, userId);
    await assertTokenWorks(shortLived, device, userId);
  };
  await check();
  await addMetadata(device);
  await eventually("the token's end", () => Date.now() > Date.parse(userInfo.tokenExpiryDate));
  await check();
  await device.call("enableDetections");
  await check();
  return userId;
}

test("wherever localStorage gets full in a user's life, the user stays, and nothing is split", async (t) => {
  const shortLived = await startPlatform(t, { accessTokenLifetime: "3s" });
  const open = (t, prepare = countWrites) =>
    openPageDevice(t, browser, pages.address(shortLived), { prepare });
  const plain = await open(t);
  await live(shortLived, plain, "never full");
  const writes = await plain.evaluate(() => window.writes);
  t.diagnostic(`${writes} writes`);

  /** Has the storage be full at the write of this number, and from then on if it stays so. */
  const fillUp = async (t, at, staysFull) => {
    const externalId = `full at ${at}${staysFull ? " for good" : ""}`;
    const device = await open(t);
    await device.evaluate(
      ([at, staysFull]) => (window.isFull = (number) => (staysFull ? number >= at : number === at)),
      [at, staysFull],
    );
    const userId = await live(shortLived, device, externalId);
    // How often the transferred bytes are noted depends on how fast things go.
    const wasFull = await device.evaluate(() => window.refused ?? false);
    assert.ok(wasFull || at === writes, externalId);
    assert.deepEqual(device.warnings, wasFull ? ["STORAGE_WRITE_FAILED"] : [], externalId);

    // What a restart finds is this user, or none; and the same one comes back. Where the newest session could not be
    // stored, the one before is spent, and the SDK says what to do.
    await device.restart();
    if (staysFull && (await device.call("userExists"))) {
      await device.call("requestUserAccessToken").catch(async ({ reason, details }) => {
        assert.equal(reason, "USER_DISABLED_REMOTELY");
        assert.match(details, /; call reset, then createUser/);
        await device.call("reset");
      });
    }
    if (!(await device.call("userExists")))
      await device.call("createUser", { authCode: await authCode(shortLived, externalId) });
    assert.equal(await device.call("getUserId"), userId);
    await assertTokenWorks(shortLived, device, userId);

    await device.evaluate(() => (window.isFull = () => true));
    assert.deepEqual(await device.call("reset"), { initState: "INITIALIZED" }, externalId);
    await assertNoUser(device);
    await device.restart();
    await assertNoUser(device);
    device.assertQuiet();
  };
  const cases = Array.from({ length: 2 * writes }, (_, index) => [(index >> 1) + 1, index % 2 === 1]);
  const work = async () => {
    for (let next; (next = cases.shift());) await fillUp(t, ...next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
});

for (const [title, prepare, others = []] of [
  ["there is no IndexedDB", () => Object.defineProperty(window, "indexedDB", { value: undefined })],
  [
    "IndexedDB is denied",
    () => {
      IDBFactory.prototype.open = () => {
        throw new DOMException("Access is denied for this document.", "SecurityError");
      };
    },
  ],
  [
    "another page keeps IndexedDB from opening",
    () => {
      // It holds a connection, while the database is to be deleted: all who want to open it wait.
      const request = indexedDB.open("sentiance.core");
      request.onsuccess = () => indexedDB.deleteDatabase("sentiance.core");
    },
    // What it may hold of the user who is removed could not be looked at.
    ["RESET_INCOMPLETE"],
  ],
  [
    "a later version has made another IndexedDB",
    () => {
      const request = indexedDB.open("sentiance.core", 1_000);
      request.onsuccess = () => request.result.close();
    },
  ],
]) {
  test(`where ${title}, detections wait in memory, and a warning says so`, async (t) => {
    const device = await openPageDevice(t, browser, pages.address(platform), { prepare });
    const surroundings = await Surroundings.of(browser, device);
    await surroundings.moveTo(51, 4);
    await surroundings.setPermission("geolocation", "granted");
    const userId = await useUser(device, title);
    await device.call("enableDetections");
    const arrived = async () => {
      await device.call("submitDetections");
      return (await readDetections(platform, userId)).some(({ type }) => type === "position");
    };
    await eventually("that a position arrives", arrived);
    assert.deepEqual(device.warnings.sort(), ["QUEUE_UNAVAILABLE", ...others]);
    await device.restart();
    await assertUserIs(device, userId);
    device.assertQuiet();
  });
}
