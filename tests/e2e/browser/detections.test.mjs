// A drive that is recorded in a browser arrives on the platform complete and once, whatever happens on the way.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode, readDetections } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startRecorder } from "../support/recorder.mjs";
import { Surroundings } from "../support/surroundings.mjs";

const UPLOAD = "/sdk/v1/detections";
const POSITIONS = 200;

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
});

/** Opens a device with a user that detects. */
async function openDetectingDevice(t, externalId) {
  const recorder = await startRecorder(t, platform);
  const device = await openPageDevice(t, browser, pages.address(recorder));
  const surroundings = await Surroundings.of(browser, device);
  await surroundings.setPermission("geolocation", "granted");
  await setOut(device, surroundings, 0);
  const { userInfo } = await device.call("createUser", { authCode: await authCode(platform, externalId) });
  const { detectionStatus } = await device.call("enableDetections");
  assert.equal(detectionStatus, "ENABLED_AND_DETECTING");
  await untilSeen(device, userInfo.userId, 0);
  await watchAsApp(device);
  return { recorder, device, surroundings, userId: userInfo.userId };
}

/** Has a new page stand at a position of the drive, with sensors that shake. */
async function setOut(device, surroundings, number) {
  await surroundings.moveTo(...place(number));
  await surroundings.shake(1, 2, 9);
}

/** The app looks at the position, too, which the SDK has seen: when the app sees the next one, so has the SDK, or soon will. */
async function watchAsApp(device) {
  await device.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const see = ({ coords }) => {
          window.latitude = coords.latitude;
          resolve();
        };
        // At any age: without that, whoever comes second is told nothing before the device moves.
        const options = { enableHighAccuracy: true, maximumAge: Infinity };
        navigator.geolocation.watchPosition(see, reject, options);
      }),
  );
}

/** Where the device is at position `number` of the drive. */
function place(number) {
  return [51 + number / 1_000, 4];
}

/** Which position of the drive this is. */
function numberOf(latitude) {
  return Math.round((latitude - 51) * 1_000);
}

/** Drives from position `from` to position `to`, without `to`. */
async function drive({ device, surroundings }, from, to) {
  for (let number = from; number < to; number += 1) {
    const [latitude, longitude] = place(number);
    await surroundings.moveTo(latitude, longitude);
    await eventually("that the browser is there", () =>
      device.evaluate((latitude) => window.latitude === latitude, latitude),
    );
  }
}

/**
 * Waits until so many positions are in the queue on the disk: the app may see a position before the SDK does. What a page
 * still holds when it is closed is lost, like what it would have recorded a moment later.
 */
async function untilKept(device, count) {
  await eventually(
    `that ${count} positions are kept`,
    async () => (await numbersKept(device)).length >= count,
  );
}

/** The numbers of the positions that wait in the queue on the disk. */
async function numbersKept(device) {
  const latitudes = await device.evaluate(async () => {
    // Whoever opens it first would have to make it.
    const databases = await indexedDB.databases();
    if (!databases.some(({ name }) => name === "sentiance.core")) return [];
    return new Promise((resolve, reject) => {
      const request = indexedDB.open("sentiance.core");
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const database = request.result;
        const entries = database.transaction("detections").objectStore("detections").getAll();
        entries.onsuccess = () => {
          database.close();
          const detections = entries.result.filter(({ text }) => text).map(({ text }) => JSON.parse(text));
          resolve(detections.flatMap(({ position }) => position?.latitude ?? []));
        };
      };
    });
  });
  return latitudes.map(numberOf);
}

/** Waits until the SDK has this position, at which it begins to watch: before the app does, which has it from there. */
async function untilSeen(device, userId, number) {
  await eventually(`that the SDK sees position ${number}`, async () => {
    return (await numbersKept(device)).includes(number) || (await numbersOnPlatform(userId)).includes(number);
  });
}

/** Submits until the platform has so many positions: the app may see the last one before the SDK does. */
async function submitUntil(device, userId, count) {
  await eventually(`that ${count} positions are sent`, async () => {
    await device.call("submitDetections");
    return (await numbersOnPlatform(userId)).length >= count;
  });
}

/** The numbers of the positions that the platform has. */
async function numbersOnPlatform(userId) {
  const detections = await readDetections(platform, userId);
  const positions = detections.filter(({ type }) => type === "position");
  const numbers = positions.map(({ position }) => numberOf(position.latitude));
  return numbers.sort((a, b) => a - b);
}

/** The first numbers. */
function ascending(length) {
  return Array.from({ length }, (_, number) => number);
}

/** Checks that the platform has each position of the drive once. */
async function assertComplete(userId) {
  await eventually("that the drive has arrived", async () => {
    return (await numbersOnPlatform(userId)).length >= POSITIONS;
  });
  assert.deepEqual(await numbersOnPlatform(userId), ascending(POSITIONS));
}

test("a drive arrives complete and once, also when the page is closed on the way and the network fails", async (t) => {
  const stage = await openDetectingDevice(t, "drive");
  const { recorder, device, surroundings, userId } = stage;
  await drive(stage, 1, 60);
  recorder.loseNextAnswerOf(UPLOAD);
  await device.call("submitDetections");
  await drive(stage, 60, 100);

  await untilKept(device, 40);
  await device.close();
  await device.open();
  await surroundings.attach();
  await setOut(device, surroundings, 100);
  await device.call("ensureInitialized");
  await untilSeen(device, userId, 100);
  await watchAsApp(device);
  await drive(stage, 101, 160);
  recorder.answerInstead(UPLOAD, (response) => response.destroy(), 1);
  await device.call("submitDetections");
  await drive(stage, 160, POSITIONS);
  await submitUntil(device, userId, POSITIONS);

  const failed = recorder.requests.filter(({ path, status }) => path === UPLOAD && status === 0);
  assert.equal(failed.length, 2, "the network failed twice");
  await assertComplete(userId);
  device.assertQuiet();
});

test("what is recorded offline is sent as soon as there is a connection", async (t) => {
  const stage = await openDetectingDevice(t, "offline");
  const { recorder, device, userId } = stage;
  await drive(stage, 1, 20);
  await device.setOffline(true);
  await drive(stage, 20, POSITIONS);
  await assert.rejects(device.call("submitDetections"), { reason: "NETWORK_ERROR", retryable: true });
  assert.deepEqual(await numbersOnPlatform(userId), []);

  await device.setOffline(false);
  await assertComplete(userId);
  assert.ok(recorder.requests.some(({ path, status }) => path === UPLOAD && status === 200));
});

test("motion is summed up while the device detects", async (t) => {
  const { device, userId } = await openDetectingDevice(t, "motion");
  const motion = await eventually("that a summary arrives", async () => {
    await device.call("submitDetections");
    return (await readDetections(platform, userId)).find(({ type }) => type === "motion")?.motion;
  });
  assert.ok(motion.samples > 10, `${motion.samples} readings`);
  assert.ok(Math.abs(motion.acceleration_mean - Math.hypot(1, 2, 9)) < 0.2, `${motion.acceleration_mean}`);
  assert.ok(motion.rotation_mean > 0);
});

test("of two tabs one records, and the other one takes over when it is closed", async (t) => {
  const stage = await openDetectingDevice(t, "two tabs");
  const { device, userId } = stage;
  const tab = await device.openTab();
  const surroundings = await Surroundings.of(browser, tab);
  await surroundings.moveTo(...place(0));
  assert.equal((await tab.call("getSdkStatus")).detectionStatus, "ENABLED_AND_DETECTING");
  for (let number = 1; number < 10; number += 1) {
    await Promise.all([drive(stage, number, number + 1), surroundings.moveTo(...place(number))]);
  }
  await untilKept(device, 10);
  await surroundings.moveTo(...place(10));
  await device.close();
  await eventually("that the other tab has taken over", async () => {
    await tab.call("submitDetections");
    return (await numbersOnPlatform(userId)).includes(10);
  });
  await watchAsApp(tab);
  await drive({ device: tab, surroundings }, 11, 20);
  await submitUntil(tab, userId, 20);
  assert.deepEqual(await numbersOnPlatform(userId), ascending(20));
});
