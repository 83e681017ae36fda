// IndexedDB that opens, and is of no use afterwards: each way in which it can fail, once or from then on. What is recorded
// arrives all the same, and no status calls that a full disk.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode, readDetections } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { Surroundings } from "../support/surroundings.mjs";

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
});

/** Runs in the page before its own scripts: `window.breaks` names what the next transactions do, as often as it says. */
function takeOverDatabase() {
  const { open } = IDBFactory.prototype;
  window.connections = [];
  IDBFactory.prototype.open = function (...args) {
    const request = open.apply(this, args);
    request.addEventListener("success", () => window.connections.push(request.result));
    return request;
  };
  const { transaction } = IDBDatabase.prototype;
  const fail = (name) => {
    throw new DOMException("A test fails it.", name);
  };
  const ways = {
    "is closed": (database, begin) => (database.close(), begin()),
    "has lost the store": () => fail("NotFoundError"),
    "throws an UnknownError": () => fail("UnknownError"),
    "aborts each transaction": (database, begin) => {
      const begun = begin();
      queueMicrotask(() => begun.abort());
      return begun;
    },
    "fails each request": (database, begin) => {
      const begun = begin();
      const { objectStore } = begun;
      begun.objectStore = (name) => {
        const store = objectStore.call(begun, name);
        // A key that is there already: the request fails, and the transaction with it.
        store.put({ key: -1 });
        store.add({ key: -1 });
        return store;
      };
      return begun;
    },
    "never ends a transaction": (database, begin) => {
      const begun = begin();
      const store = begun.objectStore("detections");
      const goOn = () => (store.get(-1).onsuccess = goOn);
      goOn();
      begun.objectStore = () => ({ get: () => ({}) });
      return begun;
    },
    "ends each transaction without a result": (database, begin) => {
      const begun = begin();
      begun.objectStore = () => ({ get: () => ({}) });
      return begun;
    },
  };
  window.breaks = { way: "", times: 0 };
  IDBDatabase.prototype.transaction = function (...args) {
    const begin = () => transaction.apply(this, args);
    if (window.breaks.times <= 0) return begin();
    window.breaks.times -= 1;
    return ways[window.breaks.way](this, begin);
  };
}

/** A device that detects. */
async function openDetectingDevice(t, externalId, prepare) {
  const device = await openPageDevice(t, browser, pages.address(platform), { prepare });
  const surroundings = await Surroundings.of(browser, device);
  await surroundings.moveTo(51, 4);
  await surroundings.setPermission("geolocation", "granted");
  const { userInfo } = await device.call("createUser", { authCode: await authCode(platform, externalId) });
  await device.call("enableDetections");
  return { device, userId: userInfo.userId };
}

/** Checks that a trip which is made now arrives, and what is said meanwhile. */
async function assertTripArrives(device, userId, warnings) {
  const trips = async () =>
    (await readDetections(platform, userId)).filter(({ type }) => type === "trip").length;
  const before = await trips();
  await device.call("startTrip", {}, 2);
  await device.call("stopTrip");
  await device.call("submitDetections");
  assert.equal(await trips(), before + 1);
  const { diskQuotaStatus, detectionStatus } = await device.call("getSdkStatus");
  assert.deepEqual([diskQuotaStatus, detectionStatus], ["OK", "ENABLED_AND_DETECTING"]);
  assert.deepEqual(device.warnings, warnings);
}

for (const way of [
  "is closed",
  "has lost the store",
  "throws an UnknownError",
  "aborts each transaction",
  "fails each request",
  "never ends a transaction",
  "ends each transaction without a result",
]) {
  test(`where the database ${way} once, nothing is lost or said`, async (t) => {
    const { device, userId } = await openDetectingDevice(t, `${way} once`, takeOverDatabase);
    await assertTripArrives(device, userId, []);
    await device.evaluate((way) => (window.breaks = { way, times: 1 }), way);
    await assertTripArrives(device, userId, []);
    await device.call("reset");
    device.assertQuiet();
  });

  test(`where the database ${way} for good, memory takes over`, async (t) => {
    const { device, userId } = await openDetectingDevice(t, `${way} for good`, takeOverDatabase);
    await device.evaluate((way) => (window.breaks = { way, times: Infinity }), way);
    await assertTripArrives(device, userId, ["QUEUE_UNAVAILABLE"]);
    await device.call("reset");
    device.assertQuiet();
  });
}

test("where the connection was closed while nothing was done, the next job opens another", async (t) => {
  const { device, userId } = await openDetectingDevice(t, "closed connection", takeOverDatabase);
  await assertTripArrives(device, userId, []);
  await device.evaluate(() => window.connections.forEach((connection) => connection.close()));
  await assertTripArrives(device, userId, []);
});

test("a database without the store gets one, and is not thrown away", async (t) => {
  const { device, userId } = await openDetectingDevice(t, "missing store", () => {
    indexedDB.open("sentiance.core").onsuccess = (event) => event.target.result.close();
  });
  await assertTripArrives(device, userId, []);
  await device.restart();
  await assertTripArrives(device, userId, []);
});

test("a database that a later version makes under the page stays, and memory takes over", async (t) => {
  const { device, userId } = await openDetectingDevice(t, "later version", takeOverDatabase);
  await assertTripArrives(device, userId, []);
  await device.evaluate(
    () =>
      new Promise((resolve) => {
        indexedDB.open("sentiance.core", 1_000).onsuccess = ({ target }) => resolve(target.result.close());
      }),
  );
  await assertTripArrives(device, userId, ["QUEUE_UNAVAILABLE"]);
  await device.call("reset");
  const versions = await device.evaluate(() => indexedDB.databases());
  assert.deepEqual(versions, [{ name: "sentiance.core", version: 1_000 }]);
});

test("a visitor without a user gets no database", async (t) => {
  const device = await openPageDevice(t, browser, pages.address(platform));
  await device.call("getSdkStatus");
  await device.call("reset");
  assert.deepEqual(await device.evaluate(() => indexedDB.databases()), []);
});
