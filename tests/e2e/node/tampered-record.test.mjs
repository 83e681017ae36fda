// A stored record that somebody has changed: what it holds decides where tokens go, so each field is checked when it is
// read.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { warningCode } from "../support/eavesdrop.mjs";
import { installPackage } from "../support/consumer.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startLocalDevice } from "../support/local-device.mjs";
import { assertUserIs, signIn } from "../support/main-job.mjs";
import { startPlatform } from "../support/platform.mjs";
import { RECORD_KEY, UNREADABLE_KEY, makeAsyncStorage } from "../support/storages.mjs";

let platform;
let folder;
let record;

before(async () => {
  [platform, folder] = await Promise.all([startPlatform(fileScope), installPackage(fileScope)]);
  const storage = makeAsyncStorage();
  const device = await startLocalDevice(folder, { platformUrl: platform.url, storage });
  await signIn(platform, device, "tampered");
  record = JSON.parse(storage.items.get(RECORD_KEY));
});

/** Starts a device on that record; returns it with the addresses that it sent anything to. */
async function startOn(text) {
  const storage = makeAsyncStorage();
  storage.items.set(RECORD_KEY, text);
  const urls = [];
  const fetch = (url, init) => (urls.push(url), globalThis.fetch(url, init));
  const device = await startLocalDevice(folder, { storage, fetch });
  return { device, storage, urls };
}

const infinite = { $number: "1e999" };
const pending = { install_id: "a", key: "b", code_fingerprint: "c" };
const trip = { id: "a", started_at: 1, metadata_entries: 0 };

for (const [path, values] of Object.entries({
  "user.platform_url": [
    "http://stranger",
    "",
    "//evil",
    "https://",
    "https://user@evil",
    "https://evil?",
    "https://evil/\r\nx: y",
    "javascript:alert(1)",
    "data:,",
    7,
    null,
  ],
  "user.id": ["", "a\nb", "x".repeat(600), 1],
  "user.install_id": ["", "a\r\nb", null],
  "user.refresh_key": ["", "a b"],
  "user.state": ["root", 1],
  "user.linked": ["yes"],
  "user.token.access_token": ["", "a\r\nX-Evil: 1", "ä", "a b", "x".repeat(600), null, {}],
  "user.token.refresh_token": ["", "a\nb", ["a"]],
  "user.token.expires_at": [infinite, -8.7e15, "1", null],
  "user.token.generation": [-1, 1.5, infinite, 5e9],
  "user.issued_at": [infinite],
  "user.clock_offset": [infinite, "0"],
  "user.state_at": [infinite],
  "user.pause_until": [infinite, {}],
  "user.config.status_poll_seconds": [-1, infinite],
  pending: [
    { ...pending, install_id: "" },
    { ...pending, key: "a\nb" },
    { ...pending, code_fingerprint: 1 },
  ],
  trip: [
    { ...trip, id: "" },
    { ...trip, started_at: infinite },
    { ...trip, transport_mode: 12 },
    { ...trip, metadata_entries: -1 },
  ],
  detections: [{ expires_at: infinite }, "on"],
  epoch: [-1, infinite, "1"],
})) {
  test(`a record whose ${path} was changed is set aside, and its tokens go nowhere`, async () => {
    for (const value of values) {
      const changed = structuredClone(record);
      const names = path.split(".");
      const last = names.pop();
      names.reduce((object, name) => object[name], changed)[last] = value;
      const text = JSON.stringify(changed).replaceAll('{"$number":"1e999"}', "1e999");
      const { device, storage, urls } = await startOn(text);
      assert.equal(await device.call("userExists"), false, text);
      await assert.rejects(device.call("requestUserAccessToken"), { reason: "NO_USER" });
      assert.deepEqual(device.warnings.map(warningCode), ["STORED_RECORD_UNREADABLE"], text);
      assert.equal(storage.items.get(UNREADABLE_KEY), text);
      assert.deepEqual(urls, []);
    }
  });
}

test("the record as it was is read, and so is one with a trip and a creation under way", async () => {
  for (const more of [{}, { pending, trip: { ...trip, started_at: Date.now() }, detections: {} }]) {
    const { device, urls } = await startOn(JSON.stringify({ ...record, ...more }));
    await assertUserIs(device, record.user.id);
    assert.deepEqual(device.warnings, []);
    assert.ok(urls.every((url) => url.startsWith(platform.url)));
  }
});
