// Positions in React Native's engine: recorded once the app has got one itself, or says that it may have them.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode, readDetections } from "../support/backend.mjs";
import { installPackage } from "../support/consumer.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startHermesDevice } from "../support/hermes-device.mjs";
import { bundleApp } from "../support/metro.mjs";
import { startPlatform } from "../support/platform.mjs";

let platform;
let bundle;

before(async () => {
  const [started, project] = await Promise.all([startPlatform(fileScope), installPackage(fileScope)]);
  platform = started;
  bundle = await bundleApp(project, "app.mjs");
});

/** Starts a device with a user who wants detections. */
async function startDevice(t, externalId) {
  const device = await startHermesDevice(t, {
    bundle,
    initialize: { platformUrl: platform.url },
    geolocation: true,
  });
  device.moveTo(51, 4);
  const code = await authCode(platform, externalId);
  const { userInfo } = await device.call("createUser", { authCode: code });
  await device.call("addSdkStatusUpdateListener");
  await device.call("enableDetections");
  const status = await device.call("getSdkStatus");
  assert.equal(status.detectionStatus, "ENABLED_BUT_BLOCKED");
  assert.equal(status.locationPermission, "ONLY_WHILE_IN_USE");
  assert.equal(status.isGpsPresent, true);
  return { device, userId: userInfo.userId };
}

const isDetecting = ({ detectionStatus }) => detectionStatus === "ENABLED_AND_DETECTING";

/** Waits until the platform has a position at this latitude. */
async function untilRecorded(device, userId, latitude) {
  await eventually("that the position has arrived", async () => {
    await device.call("submitDetections");
    const detections = await readDetections(platform, userId);
    return detections.some(({ position }) => position?.latitude === latitude);
  });
}

test("a position that a React Native app gets starts the recording", async (t) => {
  const { device, userId } = await startDevice(t, "hermes, own position");
  assert.equal(await device.call("locate"), 51);
  await device.hears("that detections run", isDetecting);
  device.moveTo(51.001, 4);
  await untilRecorded(device, userId, 51.001);
  await device.call("disableDetections");
  assert.deepEqual(device.console, []);
});

test("the word of a React Native app starts the recording, and the queue is in its storage", async (t) => {
  const { device, userId } = await startDevice(t, "hermes, word");
  await device.call("initialize", { locationAllowed: true });
  await device.hears("that detections run", isDetecting);
  device.moveTo(51.002, 4);
  await eventually("that the position is kept in the app's storage", () =>
    [...device.storage.items.values()].some((text) => text.includes("51.002")),
  );
  await untilRecorded(device, userId, 51.002);
});

test("a React Native app without a geolocation says so", async (t) => {
  const device = await startHermesDevice(t, { bundle, initialize: { platformUrl: platform.url } });
  await device.call("createUser", { authCode: await authCode(platform, "hermes, none") });
  await device.call("initialize", { locationAllowed: true });
  await device.call("enableDetections");
  const { detectionStatus, locationPermission, isGpsPresent } = await device.call("getSdkStatus");
  assert.deepEqual(
    { detectionStatus, locationPermission, isGpsPresent },
    { detectionStatus: "ENABLED_BUT_BLOCKED", locationPermission: "NEVER", isGpsPresent: false },
  );
});
