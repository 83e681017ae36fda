// The queue of detections in a browser: how much room it takes, and what happens where there is none.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode, readDetections } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { within } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startRecorder } from "../support/recorder.mjs";
import { Surroundings } from "../support/surroundings.mjs";

const UPLOAD = "/sdk/v1/detections";
const FILL_DEADLINE_MS = 120_000;

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
});

/** Opens a device that detects, gets positions as fast as the test makes them, and reaches no platform. */
async function openCutOffDevice(t, externalId, { room } = {}) {
  const recorder = await startRecorder(t, platform);
  const device = await openPageDevice(t, browser, pages.address(recorder), { prepare: takeOverPositions });
  const surroundings = await Surroundings.of(browser, device);
  if (room) await surroundings.setRoom(room);
  await surroundings.setPermission("geolocation", "granted");
  const { userInfo } = await device.call("createUser", { authCode: await authCode(platform, externalId) });
  recorder.answerInstead(UPLOAD, (response) => response.destroy());
  const { detectionStatus } = await device.call("enableDetections");
  assert.equal(detectionStatus, "ENABLED_AND_DETECTING");
  return { recorder, device, userId: userInfo.userId };
}

/**
 * Runs in the page before its own scripts: `window.record(count, atOnce)` has the SDK record so many positions, no more
 * of them at once, since it does not take in more than a sensor would give it.
 */
function takeOverPositions() {
  let tell;
  navigator.geolocation.watchPosition = (onFix) => {
    tell = onFix;
    return 1;
  };
  navigator.geolocation.clearWatch = () => {};
  // A turn of the event loop, without the delay that browsers give to timers.
  const { port1, port2 } = new MessageChannel();
  const turn = () =>
    new Promise((resolve) => {
      port1.onmessage = resolve;
      port2.postMessage(undefined);
    });
  const usage = async () => Number((await window.perform("getDiskQuotaUsage", [])).value);
  window.record = async (count, atOnce) => {
    // The SDK watches only once this tab is the one that records.
    while (!tell) await turn();
    let [queued, each] = [0, 0];
    for (let number = 0; number < count; number += 1) {
      // The last digit is never zero, so that each takes the same room.
      const latitude = Number((50 + (number * 10 + 5) / 1e6).toFixed(6));
      tell({ coords: { latitude, longitude: 4.123457, accuracy: 12.5 }, timestamp: Date.now() });
      if (number > 0 && (number + 1) % atOnce > 0) continue;
      // Until these are stored, or others were dropped for them.
      const [before, expected] = [queued, queued + each * Math.min(atOnce, number)];
      while (queued === before || (queued > before && queued < expected)) {
        await turn();
        queued = await usage();
      }
      each ||= queued;
    }
    const { usageDetails } = await navigator.storage.estimate();
    return { queued, onDisk: usageDetails.indexedDB };
  };
}

/** Has the device record positions, and returns how long the queue is, and how much of the disk it takes. */
function record(device, count, atOnce) {
  const recorded = device.evaluate((args) => window.record(...args), [count, atOnce]);
  return within("the recording", recorded, FILL_DEADLINE_MS);
}

/** The numbers of the positions that the platform has. */
async function numbersOnPlatform(userId) {
  const detections = await readDetections(platform, userId);
  const numbers = detections.map(({ position }) => Math.floor((position.latitude - 50) * 1e5));
  return numbers.sort((a, b) => a - b);
}

/** Every number from `from` to `to`, without `to`. */
function ascending(from, to) {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

test("ten thousand positions take less than 5 MB, and leave in batches of at most 64 KB, each once", async (t) => {
  const { recorder, device, userId } = await openCutOffDevice(t, "ten thousand");
  const { queued, onDisk } = await record(device, 10_000, 40);
  t.diagnostic(`10,000 positions: ${queued} bytes to be sent, ${onDisk} bytes on the disk`);
  assert.ok(onDisk < 5_000_000, `${onDisk} bytes`);

  recorder.passOn(UPLOAD);
  recorder.requests.length = 0;
  await device.call("submitDetections");
  const uploads = recorder.requests.filter(({ path }) => path === UPLOAD);
  assert.ok(Math.max(...uploads.map(({ bytes }) => bytes)) <= 64 * 1024);
  assert.equal(await device.call("getDiskQuotaUsage"), "0");
  const numbers = await numbersOnPlatform(userId);
  assert.deepEqual(numbers, ascending(0, 10_000));
});

test("where the browser gives no more room, the oldest positions make way for the newest", async (t) => {
  const { recorder, device, userId } = await openCutOffDevice(t, "pressure", { room: 200_000 });
  await record(device, 1_000, 1);
  assert.equal((await device.call("getSdkStatus")).detectionStatus, "ENABLED_AND_DETECTING");

  recorder.passOn(UPLOAD);
  await device.call("submitDetections");
  const numbers = await numbersOnPlatform(userId);
  assert.ok(numbers.length > 100 && numbers.length < 1_000, `${numbers.length} positions are left`);
  assert.deepEqual(numbers, ascending(1_000 - numbers.length, 1_000));
});
