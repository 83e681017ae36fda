// The stores of a device, each spoiled by itself: emptied, cut off, restored from a backup, or written by a later version.
// Whatever happened, with the app open or closed: a reset leaves nothing, and what the next user sets arrives.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { readOwnProfile } from "../support/backend.mjs";
import { installPackage } from "../support/consumer.mjs";
import { warningCode } from "../support/eavesdrop.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startLocalDevice } from "../support/local-device.mjs";
import { assertNoUser, signIn } from "../support/main-job.mjs";
import { startPlatform } from "../support/platform.mjs";
import { RECORD_KEY, makeAsyncStorage, makeMmkv } from "../support/storages.mjs";

const KEYS = {
  record: RECORD_KEY,
  metadata: `${RECORD_KEY}.metadata`,
  usage: `${RECORD_KEY}.usage`,
  queue: `${RECORD_KEY}.queue`,
};
const MAKERS = {
  "an asynchronous storage": makeAsyncStorage,
  "a synchronous storage": () => makeMmkv("delete"),
};
const WAYS = {
  "is emptied": (items, key) => items.delete(key),
  "is cut off": (items, key) => items.set(key, (items.get(key) ?? "[").slice(0, -1)),
  "has another shape": (items, key) => items.set(key, '[{"version":1},7,null]'),
  "is restored from a backup": (items, key, backup) =>
    backup.has(key) ? items.set(key, backup.get(key)) : items.delete(key),
};

let platform;
let folder;

before(async () => {
  [platform, folder] = await Promise.all([startPlatform(fileScope), installPackage(fileScope)]);
});

/** What the platform has of the user of this device. */
async function metadataOnPlatform(device) {
  const { tokenId } = await device.call("requestUserAccessToken");
  return (await readOwnProfile(platform, tokenId)).body.metadata;
}

/** Uses the device for a while, as earlier users did: the epochs grow, and every store has something. */
async function useDevice(device, items, externalId) {
  const { userId } = await signIn(platform, device, externalId);
  await device.call("addUserMetadataField", "first", `${externalId}'s`);
  await device.call("submitDetections");
  const backup = new Map(items);
  for (let time = 0; time < 10; time += 1) {
    await device.call("setIsAllowedToUseMobileData", time % 2 === 0);
  }
  await device.call("addUserMetadataField", "second", `${externalId}'s`);
  await device.call("submitDetections");
  const { epoch, user } = JSON.parse(items.get(KEYS.record));
  // In Node nothing is recorded: this is what a page of the same app left.
  const entry = { key: 1, owner: user.install_id, bytes: 9, detail: true, text: `"${externalId}'s"` };
  const totals = { key: 0, count: 1, bytes: 9, dropped: 0, last: 1, owner: user.install_id, epoch };
  items.set(KEYS.queue, JSON.stringify([totals, entry]));
  return { userId, installId: user.install_id, backup };
}

/** Checks that nothing in the storage is of that user. */
function assertNothingOf(items, { userId, installId }, externalId) {
  const left = JSON.stringify([...items]);
  for (const trace of [userId, installId, `${externalId}'s`]) assert.ok(!left.includes(trace), left);
}

for (const [kind, make] of Object.entries(MAKERS)) {
  for (const [store, key] of Object.entries(KEYS)) {
    for (const [what, spoil] of Object.entries(WAYS)) {
      for (const isOpen of [true, false]) {
        const where = `in ${kind}, with the app ${isOpen ? "open" : "closed"}`;
        test(`where the ${store} ${what} ${where}, resets are whole`, async () => {
          const name = `${store} ${what} ${where}`;
          const storage = make();
          const { items } = storage;
          const device = await startLocalDevice(folder, { platformUrl: platform.url, storage });
          const ada = await useDevice(device, items, `ada, ${name}`);
          spoil(items, key, ada.backup);
          if (!isOpen) await device.restart();

          // The next user comes without a reset where the loss left none.
          const isUserGone = store === "record" && what !== "is restored from a backup";
          assert.equal(await device.call("userExists"), !isUserGone);
          if (!isUserGone) await device.call("reset");
          const bob = await signIn(platform, device, `bob, ${name}`);
          assertNothingOf(items, ada, `ada, ${name}`);
          await device.call("addUserMetadataField", "first", "bob's");
          await device.call("submitDetections");
          assert.deepEqual(await metadataOnPlatform(device), { first: "bob's" });

          await device.call("reset");
          await assertNoUser(device);
          assert.deepEqual([...items.keys()], [KEYS.record]);
          assertNothingOf(items, bob, "bob");
        });
      }
    }
  }
}

for (const [kind, make] of Object.entries(MAKERS)) {
  test(`a document of metadata that was lost alone in ${kind} counts on, and arrives`, async () => {
    const storage = make();
    const device = await startLocalDevice(folder, { platformUrl: platform.url, storage });
    await signIn(platform, device, `lost alone in ${kind}`);
    for (const value of ["1", "2", "3"]) {
      await device.call("addUserMetadataField", "first", value);
      await device.call("submitDetections");
    }
    storage.items.delete(KEYS.metadata);
    await device.call("addUserMetadataField", "first", "4");
    await device.call("submitDetections");
    assert.deepEqual(await metadataOnPlatform(device), { first: "4" });
  });

  test(`a record that was removed from ${kind} under an open app is told once`, async () => {
    const storage = make();
    const device = await startLocalDevice(folder, { platformUrl: platform.url, storage });
    await signIn(platform, device, `removed from ${kind}`);
    await device.call("addSdkStatusUpdateListener");
    storage.items.clear();
    assert.equal(await device.call("userExists"), false);
    await device.hears("that the user is gone", (status) => !status.userExists);
    assert.equal(await device.call("getUserId"), null);
    assert.deepEqual(device.warnings.map(warningCode), ["STORED_USER_REMOVED"]);
  });
}

test("a storage that stops answering under an open app holds no call up for long", async () => {
  const storage = makeAsyncStorage();
  const device = await startLocalDevice(folder, { platformUrl: platform.url, storage });
  const { userId } = await signIn(platform, device, "stops answering");
  storage.instead.getItem = () => new Promise(() => {});
  const calls = Array.from({ length: 50 }, () => device.call("getUserId"));
  assert.deepEqual(new Set(await Promise.all(calls)), new Set([userId]));
});
