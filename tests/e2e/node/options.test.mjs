// What the options of `initialize` are judged by: the user that is there, before and after the storage was read.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode } from "../support/backend.mjs";
import { warningCode } from "../support/eavesdrop.mjs";
import { installPackage } from "../support/consumer.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startLocalDevice } from "../support/local-device.mjs";
import { assertTokenWorks, assertUserIs, signIn } from "../support/main-job.mjs";
import { startPlatform } from "../support/platform.mjs";
import { makeAsyncStorage } from "../support/storages.mjs";

const OTHER = "https://other.example";

let platform;
let folder;

before(async () => {
  [platform, folder] = await Promise.all([startPlatform(fileScope), installPackage(fileScope)]);
});

/** A storage with a user in it, if one is wanted; and whose. */
async function storageWith(user) {
  const storage = makeAsyncStorage();
  if (!user) return { storage };
  const device = await startLocalDevice(folder, { platformUrl: platform.url, storage });
  return { storage, userId: (await signIn(platform, device, "options")).userId };
}

/** Runs `test` with a value of the global that names a platform. */
async function withGlobal(value, action) {
  globalThis.SENTIANCE_PLATFORM_URL = value;
  try {
    return await action();
  } finally {
    delete globalThis.SENTIANCE_PLATFORM_URL;
  }
}

const refusal = (...names) => ({
  name: "SdkInitializationError",
  reason: "REINITIALIZATION_NOT_ALLOWED",
  message: new RegExp(names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*")),
});

for (const start of ["cold", "warm", "parallel", "failed before"]) {
  /** Starts a device on a storage as `start` says, and returns what `initialize` with `options` comes to. */
  const open = async (storage, options) => {
    const device = await startLocalDevice(folder);
    if (start === "cold") return { device, outcome: device.call("initialize", { storage, ...options }) };
    if (start === "failed before") {
      storage.instead.getItem = () => Promise.reject(new Error("locked"));
      await assert.rejects(device.call("initialize", { storage }), { reason: "EXCEPTION_OR_ERROR" });
      delete storage.instead.getItem;
      return { device, outcome: device.call("initialize", { storage, ...options }) };
    }
    const opened = device.call("initialize", { storage });
    if (start === "warm") await opened;
    const outcome = device.call("initialize", { storage, ...options });
    outcome.catch(() => undefined);
    await opened;
    return { device, outcome };
  };

  test(`${start}: with a user, another platformUrl is refused and the user works`, async () => {
    const { storage, userId } = await storageWith(true);
    const { device, outcome } = await open(storage, { platformUrl: OTHER, timeouts: { callMs: 1 } });
    await assert.rejects(outcome, refusal(platform.url, OTHER));
    // Repeated, it is the same; and nothing of what was refused is in force, or 1 ms would not do.
    await assert.rejects(device.call("initialize", { storage, platformUrl: OTHER }), refusal(OTHER));
    await assertUserIs(device, userId);
    await assertTokenWorks(platform, device, userId);
    await device.call("initialize", { storage, platformUrl: platform.url });
    await device.call("reset");
    await device.call("initialize", { platformUrl: OTHER });
  });

  test(`${start}: with a user, the same platformUrl in any writing is taken`, async () => {
    const { storage, userId } = await storageWith(true);
    const { device, outcome } = await open(storage, { platformUrl: ` ${platform.url.toUpperCase()}/` });
    await outcome;
    await assertTokenWorks(platform, device, userId);
  });

  test(`${start}: without a user, any platformUrl is taken, also a second one`, async () => {
    const { storage } = await storageWith(false);
    const { device, outcome } = await open(storage, { platformUrl: OTHER });
    await outcome;
    await device.call("initialize", { platformUrl: platform.url });
    const { userId } = await signIn(platform, device, "options");
    await assertTokenWorks(platform, device, userId);
  });

  for (const isOther of [false, true]) {
    test(`${start}: a global that names ${isOther ? "another" : "the same"} platform moves no user`, async () => {
      const { storage, userId } = await storageWith(true);
      await withGlobal(isOther ? OTHER : platform.url, async () => {
        const warnings = [];
        const logger = { warn: (text) => warnings.push(text) };
        const { device, outcome } = await open(storage, { logger });
        await outcome;
        await assertUserIs(device, userId);
        await assertTokenWorks(platform, device, userId);
        await device.call("initialize", {});
        if (isOther && start === "cold") {
          assert.deepEqual(warnings.map(warningCode), ["OTHER_PLATFORM_NAMED"]);
          assert.ok(warnings[0].includes(OTHER) && warnings[0].includes(platform.url), warnings[0]);
        }
      });
    });
  }

  test(`${start}: what is malformed is refused before anything is read`, async () => {
    const { storage, userId } = await storageWith(true);
    const { device, outcome } = await open(storage, { platformUrl: "https://[::1" });
    await assert.rejects(outcome, { reason: "INVALID_PARAMS", message: /platformUrl/ });
    await device.call("initialize", { storage });
    await assertUserIs(device, userId);
  });
}

for (const [what, storage, name] of [
  ["memory", () => "memory", '"memory"'],
  ["a file", () => ({ file: "/tmp/another.json" }), "the file /tmp/another.json"],
  ["an object made anew", makeAsyncStorage, "another object"],
]) {
  test(`warm: with a user, ${what} as storage is refused by its name, without one it is taken`, async () => {
    const { storage: first, userId } = await storageWith(true);
    const device = await startLocalDevice(folder, { platformUrl: platform.url, storage: first });
    for (let time = 0; time < 2; time += 1) {
      await assert.rejects(device.call("initialize", { storage: storage() }), refusal(name));
      await assertUserIs(device, userId);
    }
    await device.call("initialize", { storage: first });
    await device.call("reset");
    await device.call("initialize", { storage: storage() });
    assert.equal(await device.call("userExists"), false);
  });
}

test("calls behind an initialize that is refused find the user, and options named twice wait alike", async () => {
  const { storage, userId } = await storageWith(true);
  const device = await startLocalDevice(folder);
  const code = await authCode(platform, "options");
  const calls = await Promise.allSettled([
    device.call("ensureInitialized"),
    device.call("initialize", { storage }),
    device.call("initialize", { storage }),
    device.call("initialize", { storage, platformUrl: OTHER }),
    device.call("initialize", { storage: makeAsyncStorage() }),
    device.call("getUserId"),
    device.call("createUser", { authCode: code }),
  ]);
  assert.deepEqual(
    calls.map(({ value, reason }) => reason?.reason ?? value),
    [
      undefined,
      undefined,
      undefined,
      "REINITIALIZATION_NOT_ALLOWED",
      "REINITIALIZATION_NOT_ALLOWED",
      userId,
      "USER_ALREADY_EXISTS",
    ],
  );
  await assertTokenWorks(platform, device, userId);
});

test("a platform that was named while the storage could not be read moves no user", async () => {
  const { storage, userId } = await storageWith(true);
  const warnings = [];
  const device = await startLocalDevice(folder);
  storage.instead.getItem = () => Promise.reject(new Error("locked"));
  const options = { storage, platformUrl: OTHER, logger: { warn: (text) => warnings.push(text) } };
  await assert.rejects(device.call("initialize", options), { reason: "EXCEPTION_OR_ERROR" });
  delete storage.instead.getItem;
  await assertTokenWorks(platform, device, userId);
  assert.deepEqual(warnings.map(warningCode), ["CALL_FAILED", "OTHER_PLATFORM_NAMED"]);
});

test("where nothing names a platform, one warning says where the code goes", async () => {
  const warnings = [];
  const urls = [];
  const device = await startLocalDevice(folder, {
    storage: "memory",
    logger: { warn: (text) => warnings.push(text) },
    fetch: async (url) => (urls.push(url), new Response("{}", { status: 400 })),
    timeouts: { callMs: 200 },
  });
  await assert.rejects(device.call("createUser", { authCode: "a code" }), { reason: "NETWORK_ERROR" });
  assert.ok(urls[0].startsWith("https://api.sentiance.com/"));
  assert.equal(warnings.map(warningCode)[0], "DEFAULT_PLATFORM");
});
