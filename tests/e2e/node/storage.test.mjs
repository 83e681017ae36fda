// What becomes of the user where the storage fails, forgets, or holds what cannot be read.

import assert from "node:assert/strict";
import { mkdir, rename, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { authCode } from "../support/backend.mjs";
import { warningCode } from "../support/eavesdrop.mjs";
import { installPackage } from "../support/consumer.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { makeFolder } from "../support/folder.mjs";
import { startLocalDevice } from "../support/local-device.mjs";
import { assertNoUser, assertTokenWorks, assertUserIs, signIn } from "../support/main-job.mjs";
import { startPlatform } from "../support/platform.mjs";
import {
  RECORD_KEY,
  UNREADABLE_KEY,
  makeAsyncStorage,
  makeMmkv,
  makeSecureStore,
} from "../support/storages.mjs";

let platform;
let folder;

before(async () => {
  [platform, folder] = await Promise.all([startPlatform(fileScope), installPackage(fileScope)]);
});

/** Starts a device that keeps its user in `storage`. */
function startDevice(storage) {
  return startLocalDevice(folder, { platformUrl: platform.url, storage });
}

/** Creates or restores the user on this device and returns its id. */
async function createUser(device, externalId) {
  const { userId } = await signIn(platform, device, externalId);
  return userId;
}

/** Checks that the SDK could not be initialized, and that every call says so. */
async function assertUninitialized(device) {
  await assert.rejects(device.call("ensureInitialized"), {
    name: "SdkInitializationError",
    reason: "EXCEPTION_OR_ERROR",
    retryable: true,
  });
  for (const name of ["userExists", "getUserId", "getSdkStatus", "requestUserAccessToken"]) {
    await assert.rejects(device.call(name), { code: "E_SDK_NOT_INITIALIZED" }, name);
  }
  await assert.rejects(device.call("createUser", { authCode: await authCode(platform, "nobody") }), {
    code: "E_SDK_NOT_INITIALIZED",
  });
}

/** Checks that not even a reset gets at a storage that can't be read. */
async function assertNoReset(device) {
  await assert.rejects(device.call("reset"), { code: "E_SDK_RESET_ERROR", reason: "EXCEPTION_OR_ERROR" });
}

/** Checks that the logger heard of these, each once and nothing else. */
function assertWarned(device, ...codes) {
  const heard = device.warnings.map(warningCode);
  assert.deepEqual(heard, codes, device.warnings.join("\n"));
}

test("while a storage cannot be read the SDK is not initialized; once it can, the user is there", async () => {
  const storage = makeAsyncStorage();
  const device = await startDevice(storage);
  const userId = await createUser(device, "locked keychain");
  const stored = [...storage.items];

  storage.instead.getItem = () => {
    throw new Error("the keychain is locked");
  };
  await assert.rejects(device.restart(), { name: "SdkInitializationError", reason: "EXCEPTION_OR_ERROR" });
  await assertUninitialized(device);
  await assertNoReset(device);
  assert.deepEqual([...storage.items], stored, "nothing was overwritten");

  delete storage.instead.getItem;
  assert.equal(await device.call("getUserId"), userId);
  await assertUserIs(device, userId);
  await assertTokenWorks(platform, device, userId);
});

test("a storage that does not answer fails the calls instead of holding them; once it does, the user is there", async () => {
  const storage = makeAsyncStorage();
  const device = await startDevice(storage);
  const userId = await createUser(device, "hanging storage");
  const stored = [...storage.items];

  storage.instead.getItem = () => new Promise(() => undefined);
  await assert.rejects(device.restart(), { name: "SdkInitializationError", reason: "EXCEPTION_OR_ERROR" });
  await assert.rejects(device.call("userExists"), { code: "E_SDK_NOT_INITIALIZED" });
  await assert.rejects(device.call("reset"), { code: "E_SDK_RESET_ERROR", reason: "EXCEPTION_OR_ERROR" });
  assert.deepEqual([...storage.items], stored, "nothing was overwritten");

  delete storage.instead.getItem;
  await assertUserIs(device, userId);
});

test("while a file cannot be read the SDK is not initialized; once it can, the user is there", async (t) => {
  const file = join(await makeFolder(t, "device"), "sentiance.json");
  const device = await startDevice({ file });
  const userId = await createUser(device, "unreadable file");

  await rename(file, `${file}.moved`);
  await mkdir(file);
  await assert.rejects(device.restart(), { name: "SdkInitializationError", reason: "EXCEPTION_OR_ERROR" });
  await assertUninitialized(device);
  await assertNoReset(device);

  await rmdir(file);
  await rename(`${file}.moved`, file);
  await assertUserIs(device, userId);
});

for (const [what, setItem] of [
  [
    "is full",
    () => {
      throw new DOMException("the quota has been exceeded", "QuotaExceededError");
    },
  ],
  ["keeps nothing", () => undefined],
]) {
  test(`where a storage ${what}, a created user lives in memory, and one warning says so`, async () => {
    const storage = makeAsyncStorage();
    storage.instead.setItem = setItem;
    const device = await startDevice(storage);
    const userId = await createUser(device, `storage that ${what}`);
    await assertUserIs(device, userId);
    await assertTokenWorks(platform, device, userId);
    assertWarned(device, "STORAGE_WRITE_FAILED");

    await device.call("reset");
    await assertNoUser(device);
    assert.equal(await createUser(device, `storage that ${what}`), userId);
  });

  test(`a reset removes the user from a storage that ${what}`, async () => {
    const storage = makeAsyncStorage();
    const device = await startDevice(storage);
    const userId = await createUser(device, `reset where the storage ${what}`);
    assert.match(storage.items.get(RECORD_KEY), new RegExp(userId));

    storage.instead.setItem = setItem;
    assert.deepEqual(await device.call("reset"), { initState: "INITIALIZED" });
    await assertNoUser(device);
    await device.restart();
    await assertNoUser(device);
    assert.doesNotMatch(JSON.stringify([...storage.items]), new RegExp(userId));
  });
}

for (const [what, corrupt] of [
  ["was cut off", (text) => text.slice(0, text.length / 2)],
  ["has another shape", (text) => JSON.stringify({ ...JSON.parse(text), user: "somebody" })],
]) {
  test(`a record that ${what} is set aside, and the next creation restores its user`, async () => {
    const storage = makeAsyncStorage();
    const device = await startDevice(storage);
    const userId = await createUser(device, `record that ${what}`);
    const corrupted = corrupt(storage.items.get(RECORD_KEY));
    storage.items.set(RECORD_KEY, corrupted);

    await device.restart();
    await assertNoUser(device);
    assertWarned(device, "STORED_RECORD_UNREADABLE");
    assert.equal(storage.items.get(UNREADABLE_KEY), corrupted);
    await device.restart();
    await assertNoUser(device);
    assertWarned(device);

    assert.equal(await createUser(device, `record that ${what}`), userId);
    await device.restart();
    await assertUserIs(device, userId);
    assert.equal(storage.items.get(UNREADABLE_KEY), corrupted);
    await device.call("reset");
    assert.equal(storage.items.has(UNREADABLE_KEY), false);
  });
}

test("a reset removes what was set aside even where nobody was restored", async () => {
  const storage = makeAsyncStorage();
  storage.items.set(RECORD_KEY, "no JSON");
  const device = await startDevice(storage);
  assert.equal(storage.items.get(UNREADABLE_KEY), "no JSON");
  await device.call("reset");
  assert.equal(storage.items.has(UNREADABLE_KEY), false);
});

test("a record of a later version is left alone until a reset removes it", async () => {
  const storage = makeAsyncStorage();
  const device = await startDevice(storage);
  await createUser(device, "later version");
  const later = JSON.stringify({ ...JSON.parse(storage.items.get(RECORD_KEY)), version: 2 });
  storage.items.set(RECORD_KEY, later);

  await assert.rejects(device.restart(), (error) => {
    assert.equal(error.name, "SdkInitializationError");
    assert.match(error.message, /newer version/);
    return true;
  });
  await assertUninitialized(device);
  assert.deepEqual([...storage.items], [[RECORD_KEY, later]]);

  assert.deepEqual(await device.call("reset"), { initState: "INITIALIZED" });
  assert.doesNotMatch(JSON.stringify([...storage.items]), /refresh_token/);
  await assertNoUser(device);
  await createUser(device, "after a later version");
});

for (const [name, storage] of [
  ["Expo's SecureStore", makeSecureStore()],
  ["MMKV with `delete`", makeMmkv("delete")],
  ["MMKV with `remove`", makeMmkv("remove")],
]) {
  test(`${name} fits as it is`, async () => {
    const device = await startDevice(storage);
    const userId = await createUser(device, name);
    assertWarned(device);
    assert.deepEqual([...storage.items.keys()], [RECORD_KEY]);
    assert.ok(Buffer.byteLength(storage.items.get(RECORD_KEY)) < 2048);

    await device.restart();
    await assertUserIs(device, userId);
    await assertTokenWorks(platform, device, userId);
    await device.call("reset");
    await device.restart();
    await assertNoUser(device);
    assertWarned(device);
  });
}

test("calls that come right after `initialize({ storage })` are answered from that storage", async () => {
  const storage = makeAsyncStorage();
  const userId = await createUser(await startDevice(storage), "same tick");

  const device = await startLocalDevice(folder);
  const [, , exists, id] = await Promise.all([
    device.call("userExists"),
    device.call("initialize", { platformUrl: platform.url, storage }),
    device.call("userExists"),
    device.call("getUserId"),
  ]);
  assert.deepEqual({ exists, id }, { exists: true, id: userId });
});

test("a status listener hears of the user of a storage that is chosen later", async () => {
  const storage = makeAsyncStorage();
  await createUser(await startDevice(storage), "told");

  const device = await startLocalDevice(folder);
  await device.call("addSdkStatusUpdateListener");
  await device.call("initialize", { platformUrl: platform.url, storage });
  await device.hears("that there is a user", (status) => status.userExists);
  await device.call("reset");
});

test("the user's own platform can be named again, another one cannot", async () => {
  const storage = makeAsyncStorage();
  const device = await startDevice(storage);
  const userId = await createUser(device, "own platform");

  device.options = { storage };
  await device.restart();
  await device.call("initialize", { platformUrl: platform.url });
  await assert.rejects(device.call("initialize", { platformUrl: "https://another.example" }), {
    name: "SdkInitializationError",
    reason: "REINITIALIZATION_NOT_ALLOWED",
  });
  await assertUserIs(device, userId);
  await assertTokenWorks(platform, device, userId);
});
