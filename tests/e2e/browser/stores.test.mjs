// The stores of a browser, each spoiled by itself, with the page closed, open, or open in two tabs: `localStorage` and
// IndexedDB survive or vanish apart. Whatever happened: the tabs agree, a reset leaves nothing, the next user is recorded.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode, readDetections, readOwnProfile } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startRecorder } from "../support/recorder.mjs";
import { Surroundings } from "../support/surroundings.mjs";

const UPLOAD = "/sdk/v1/detections";
/** How many devices are tried at once. */
const AT_ONCE = 4;
const STORES = {
  record: "sentiance.core",
  metadata: "sentiance.core.metadata",
  usage: "sentiance.core.usage",
  queue: undefined,
};
const WAYS = ["emptied", "cut off", "restored", "of a later version"];

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
});

/** Runs in the page: what it has stored, and how to put something else in its place. */
function takeOverStores() {
  const within = (run) =>
    new Promise((resolve, reject) => {
      const request = indexedDB.open("sentiance.core");
      request.onupgradeneeded = () => request.transaction.abort();
      request.onerror = () => resolve([]);
      request.onsuccess = () => {
        const transaction = request.result.transaction("detections", "readwrite");
        const result = run(transaction.objectStore("detections"));
        transaction.onabort = () => reject(transaction.error);
        transaction.oncomplete = () => {
          request.result.close();
          resolve(result.result);
        };
      };
    });
  window.stores = {
    entries: () => within((store) => store.getAll()),
    async copy() {
      return { local: { ...localStorage }, entries: await this.entries() };
    },
    async spoil(key, way, copy) {
      const text = localStorage.getItem(key);
      if (key && way === "emptied") localStorage.removeItem(key);
      if (key && way === "cut off") localStorage.setItem(key, (text ?? "{}").slice(0, -1));
      if (key && way === "restored") localStorage.setItem(key, copy.local[key] ?? "{}");
      if (key && way === "of a later version")
        localStorage.setItem(key, JSON.stringify({ ...JSON.parse(text), version: 2 }));
      if (key) return;
      if (way === "of a later version") {
        await new Promise((resolve) => {
          indexedDB.open("sentiance.core", 1_000).onsuccess = ({ target }) => resolve(target.result.close());
        });
        return;
      }
      await within((store) => store.clear());
      const entries = { emptied: [], "cut off": [{ key: 0 }], restored: copy.entries }[way];
      await within((store) => entries.map((entry) => store.put(entry)).at(-1) ?? store.count());
    },
  };
}

/** A device on which a user has lived for a while, who has a trip in the queue, and metadata, that were never sent. */
async function openUsedDevice(t, name) {
  const recorder = await startRecorder(t, platform);
  const device = await openPageDevice(t, browser, pages.address(recorder), { prepare: takeOverStores });
  const surroundings = await Surroundings.of(browser, device);
  await surroundings.moveTo(51, 4);
  await surroundings.setPermission("geolocation", "granted");
  recorder.answerInstead(UPLOAD, (response) => response.destroy());
  const { userInfo } = await device.call("createUser", { authCode: await authCode(platform, name) });
  await device.call("enableDetections");
  await device.call("addUserMetadataField", "first", "ada's");
  const copy = await device.evaluate(() => window.stores.copy());
  for (let time = 0; time < 6; time += 1) {
    await device.call("setIsAllowedToUseMobileData", time % 2 === 0);
  }
  await device.call("startTrip", {}, 2);
  await device.call("stopTrip");
  await device.call("addUserMetadataField", "second", "ada's");
  const { user } = JSON.parse((await device.evaluate(() => window.stores.copy())).local[STORES.record]);
  return { recorder, device, copy, traces: [userInfo.userId, user.install_id, "ada's"] };
}

/** Checks that no tab shows another user than the first, and returns whether there is one. */
async function agree(tabs) {
  const exists = () => Promise.all(tabs.map((tab) => tab.call("userExists")));
  await eventually("that the tabs agree", async () => new Set(await exists()).size === 1);
  return (await exists())[0];
}

async function tryCase(t, store, way, situation) {
  const name = `${store}, ${way}, ${situation}`;
  const key = STORES[store];
  const { recorder, device, copy, traces } = await openUsedDevice(t, `ada: ${name}`);
  const tabs = situation === "two tabs" ? [device, await device.openTab()] : [device];
  if (tabs[1]) await tabs[1].call("userExists");
  await device.evaluate(([key, way, copy]) => window.stores.spoil(key, way, copy), [key, way, copy]);
  if (situation === "closed") await device.restart();

  const isLater = way === "of a later version";
  if (!(isLater && store === "record")) {
    const exists = await agree(tabs);
    assert.equal(exists, !(store === "record" && way !== "restored"), name);
  }
  if (isLater) return device.assertQuiet();
  if (await agree(tabs)) await device.call("reset");
  recorder.passOn(UPLOAD);
  const { userInfo } = await device.call("createUser", {
    authCode: await authCode(platform, `bob: ${name}`),
  });
  const left = JSON.stringify(await device.evaluate(() => window.stores.copy()));
  for (const trace of traces) assert.ok(!left.includes(trace), `${name}: ${trace} in ${left}`);

  await device.call("enableDetections");
  await device.call("startTrip", {}, 2);
  await device.call("stopTrip");
  await device.call("addUserMetadataField", "first", "bob's");
  await device.call("submitDetections");
  const trips = (await readDetections(platform, userInfo.userId)).filter(({ type }) => type === "trip");
  assert.equal(trips.length, 1, name);
  const { tokenId } = await device.call("requestUserAccessToken");
  assert.deepEqual((await readOwnProfile(platform, tokenId)).body.metadata, { first: "bob's" }, name);

  await device.call("reset");
  assert.equal(await agree(tabs), false, name);
  const { local, entries } = await device.evaluate(() => window.stores.copy());
  assert.deepEqual(Object.keys(local), [STORES.record], name);
  assert.deepEqual(
    entries.filter(({ key }) => key > 0),
    [],
    name,
  );
  device.assertQuiet();
}

for (const situation of ["closed", "open", "two tabs"]) {
  test(`each store can be spoiled by itself (${situation}): resets are whole, tabs agree`, async (t) => {
    const cases = Object.keys(STORES).flatMap((store) => WAYS.map((way) => [store, way]));
    const work = async () => {
      for (let next; (next = cases.shift());) await tryCase(t, ...next, situation);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  });
}
