// What the SDK costs while nothing happens: the two timers that watch its stream, and one while someone listens.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode } from "../support/backend.mjs";
import { installPackage } from "../support/consumer.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startLocalDevice } from "../support/local-device.mjs";
import { startPlatform } from "../support/platform.mjs";
import { makeAsyncStorage } from "../support/storages.mjs";

let platform;
let folder;

before(async () => {
  [platform, folder] = await Promise.all([
    startPlatform(fileScope, { statusPollSeconds: 3_600 }),
    installPackage(fileScope),
  ]);
});

/** The longest delay that a timer can have: no stream lasts so long. */
const LONGEST_MS = 2_147_483_647;
/** How long a stream's first word may take. Later ones have a timer that is started outside of the core. */
const FIRST_WORD_MS = 10_000;

/**
 * The delays of the timers that the SDK has running; the test's own timers do not count, nor do those which a stream of
 * the platform's events needs.
 */
function watchTimers(t) {
  const running = new Map();
  const { setTimeout, clearTimeout } = globalThis;
  t.mock.method(globalThis, "setTimeout", (callback, delay, ...args) => {
    const isOurs = new Error().stack.includes("wasm");
    const fire = (...values) => {
      running.delete(timer);
      callback(...values);
    };
    const timer = setTimeout(fire, delay, ...args);
    if (isOurs) running.set(timer, delay);
    return timer;
  });
  t.mock.method(globalThis, "clearTimeout", (timer) => {
    running.delete(timer);
    clearTimeout(timer);
  });
  return () => [...running.values()].filter((delay) => delay !== LONGEST_MS && delay !== FIRST_WORD_MS);
}

test("a status listener costs one timer, and without it the SDK has none", async (t) => {
  const timers = watchTimers(t);
  const device = await startLocalDevice(folder, { platformUrl: platform.url, storage: makeAsyncStorage() });
  await device.call("createUser", { authCode: await authCode(platform, "at rest") });
  await device.call("addUserMetadataField", "rests", "true");
  assert.notDeepEqual(timers(), [], "what was set is sent in a moment");
  await eventually("that the SDK rests", () => timers().length === 0);

  await device.call("addSdkStatusUpdateListener");
  await eventually("that it polls", () => timers().length === 1);
  assert.deepEqual(timers(), [3_600_000]);

  // The app starts again, with the same user, and listens to nothing.
  await device.restart();
  await device.call("getSdkStatus");
  await eventually("that it has looked for what is left to be sent", () => timers().length === 1);
  assert.deepEqual(timers(), [3_600_000], "only the app before has a timer still");
});
