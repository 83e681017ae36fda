// What the browser and the person allow, and what the status says of it: each change is told once.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { Surroundings } from "../support/surroundings.mjs";

/** How long after a change nothing else may be told. */
const SILENCE_MS = 400;

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
});

/** Opens a device with a user. */
async function openDevice(t, externalId, options) {
  const device = await openPageDevice(t, browser, pages.address(platform), options);
  const surroundings = await Surroundings.of(browser, device);
  await surroundings.moveTo(51, 4);
  await device.call("createUser", { authCode: await authCode(platform, externalId) });
  await device.call("addSdkStatusUpdateListener");
  return { device, surroundings };
}

/** Waits for the one status update that `change` brings about. */
async function hearsOnce(device, what, change, expected) {
  const before = await device.call("getSdkStatus");
  device.statuses = [];
  await change();
  const status = await device.hears(what, () => true);
  await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
  assert.deepEqual(device.statuses, [], `${what}: told again`);
  assert.deepEqual(status, { ...before, ...expected }, what);
  assert.deepEqual(await device.call("getSdkStatus"), status, what);
}

const ALLOWED = {
  locationPermission: "ONLY_WHILE_IN_USE",
  isPreciseLocationAuthorizationGranted: true,
  isLocationAvailable: true,
};
const FORBIDDEN = {
  locationPermission: "NEVER",
  isPreciseLocationAuthorizationGranted: false,
  isLocationAvailable: false,
};
/** The person was not asked yet, or the browser does not tell. */
const UNDECIDED = { ...FORBIDDEN, locationPermission: "ONLY_WHILE_IN_USE" };
const DETECTING = { detectionStatus: "ENABLED_AND_DETECTING", canDetect: true };
const BLOCKED = { detectionStatus: "ENABLED_BUT_BLOCKED", canDetect: false };

test("a permission that is granted, denied, granted again and revoked is told once each time", async (t) => {
  const { device, surroundings } = await openDevice(t, "permissions");
  const { detectionStatus } = await device.call("enableDetections");
  assert.equal(detectionStatus, "ENABLED_BUT_BLOCKED", "the SDK does not ask for the permission itself");
  for (const [setting, expected] of [
    ["granted", { ...ALLOWED, ...DETECTING }],
    ["denied", { ...FORBIDDEN, ...BLOCKED }],
    ["granted", { ...ALLOWED, ...DETECTING }],
    ["prompt", { ...UNDECIDED, ...BLOCKED }],
  ]) {
    const decide = () => surroundings.setPermission("geolocation", setting);
    await hearsOnce(device, `the permission is ${setting}`, decide, expected);
  }
  device.assertQuiet();
});

test("the first status of a page knows the permission", async (t) => {
  const { device, surroundings } = await openDevice(t, "first status");
  await surroundings.setPermission("geolocation", "granted");
  await device.restart();
  assert.equal((await device.call("getSdkStatus")).locationPermission, "ONLY_WHILE_IN_USE");
});

test("a device that can't find out where it is says so, once, and detects again when it can", async (t) => {
  const { device, surroundings } = await openDevice(t, "no position");
  await surroundings.setPermission("geolocation", "granted");
  await device.call("enableDetections");
  await hearsOnce(device, "the position is lost", () => surroundings.losePosition(), {
    ...BLOCKED,
    isLocationAvailable: false,
  });
  await hearsOnce(device, "the position is found", () => surroundings.moveTo(51, 4.1), {
    ...DETECTING,
    isLocationAvailable: true,
  });
});

test("sensors that deliver are told", async (t) => {
  const { device, surroundings } = await openDevice(t, "sensors");
  const { isAccelPresent, isGyroPresent } = await device.call("getSdkStatus");
  assert.deepEqual({ isAccelPresent, isGyroPresent }, { isAccelPresent: false, isGyroPresent: false });
  await surroundings.shake(1, 2, 9);
  await device.restart();
  await device.call("addSdkStatusUpdateListener");
  const status = await device.call("getSdkStatus");
  if (!status.isAccelPresent) await device.hears("the sensors", (heard) => heard.isAccelPresent);
  const known = await device.call("getSdkStatus");
  assert.equal(known.isGyroPresent, true);
  assert.equal(known.isActivityRecognitionPermGranted, true);
});

test("without room on the disk detections are blocked, until there is room again", async (t) => {
  const { device, surroundings } = await openDevice(t, "no room", {
    // Chromium pretends that there are always ten gigabytes; other browsers say how much there is.
    prepare: () => {
      window.usage = 0;
      navigator.storage.estimate = () => Promise.resolve({ quota: 1_000_000_000, usage: window.usage });
    },
  });
  await surroundings.setPermission("geolocation", "granted");
  await device.call("enableDetections");
  const use = (bytes) => async () => {
    await device.evaluate((bytes) => (window.usage = bytes), bytes);
    // The browser does not tell by itself; a call of the app, or the next write, is when the SDK looks.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await device.call("getSdkStatus");
  };
  const exceeded = { ...BLOCKED, diskQuotaStatus: "EXCEEDED" };
  await hearsOnce(device, "the room is used up", use(1_000_000_000), exceeded);
  await hearsOnce(device, "there is room again", use(0), { ...DETECTING, diskQuotaStatus: "OK" });
});
