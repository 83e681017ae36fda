// Trips of the app in a browser: they outlast the page, and end by themselves.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode, readDetections } from "../support/backend.mjs";
import { launchChromium, openPageDevice } from "../support/chromium.mjs";
import { installPackage } from "../support/consumer.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { bundleWithEsbuild, startPages } from "../support/pages.mjs";
import { startPlatform } from "../support/platform.mjs";
import { Surroundings } from "../support/surroundings.mjs";

let project;
let browser;

before(async () => {
  [project, browser] = await Promise.all([installPackage(fileScope), launchChromium(fileScope)]);
});

/** Opens a device with a user that detects, on a platform that ends trips after so many seconds. */
async function openDetectingDevice(t, tripTimeoutSeconds) {
  const platform = await startPlatform(t, { tripTimeoutSeconds });
  const pages = await startPages(t, await bundleWithEsbuild(project));
  const device = await openPageDevice(t, browser, pages.address(platform));
  const surroundings = await Surroundings.of(browser, device);
  await surroundings.setPermission("geolocation", "granted");
  await surroundings.moveTo(51, 4);
  const { userInfo } = await device.call("createUser", { authCode: await authCode(platform, "traveller") });
  await device.call("enableDetections");
  const trips = async () =>
    (await readDetections(platform, userInfo.userId)).filter(({ type }) => type === "trip");
  return { device, trips };
}

test("a trip outlasts the page and is put together on the platform", async (t) => {
  const { device, trips } = await openDetectingDevice(t, 3_600);
  await device.call("startTrip", { purpose: "work" }, 2);
  await device.restart();
  assert.equal(await device.call("isTripOngoing", "TRIP_TYPE_EXTERNAL"), true);
  assert.deepEqual(await device.call("getUserActivity"), {
    type: "USER_ACTIVITY_TYPE_TRIP",
    tripInfo: { type: "TRIP_TYPE_EXTERNAL" },
  });
  assert.equal(await device.call("addTripMetadata", { stops: "2" }), true);
  await device.call("stopTrip");
  await device.call("submitDetections");
  const [trip, ...others] = await trips();
  assert.deepEqual(others, []);
  assert.deepEqual(trip.trip.metadata, { purpose: "work", stops: "2" });
  assert.equal(trip.trip.transport_mode, 2);
  assert.ok(Date.parse(trip.trip.ended_at) >= Date.parse(trip.trip.started_at), JSON.stringify(trip));
  assert.ok(!trip.trip.timed_out);
});

test("a trip that times out while no page is open is told to the next one, and ended on the platform", async (t) => {
  const { device, trips } = await openDetectingDevice(t, 2);
  await device.call("startTrip", null, 3);
  const { started_at: startedAt } = await eventually("that the platform knows the trip", async () => {
    return (await trips())[0]?.trip;
  });
  await device.close();
  await eventually("that its time is over", () => Date.now() > Date.parse(startedAt) + 2_000);

  await device.open();
  assert.deepEqual(await device.call("hearTripTimeout"), [], "the listener gets no arguments");
  assert.equal(await device.call("isTripOngoing", "ANY"), false);
  await device.call("submitDetections");
  const [{ trip }] = await trips();
  assert.equal(trip.timed_out, true);
  assert.equal(Date.parse(trip.ended_at), Date.parse(startedAt) + 2_000, "ended when its time was over");
});
