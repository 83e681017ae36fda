// Listeners of the app that behave badly: they call back into every function, throw, reject, never return, or keep the
// page busy. None holds up the SDK or another listener, and none hears of what did not change.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import names from "../../package/api-names.json" with { type: "json" };
import { authCode } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { within } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { assertTokenWorks, assertUserIs, signIn } from "../support/main-job.mjs";

const HOUR_MS = 3_600_000;
const AT_HOME = { permissions: ["geolocation"], geolocation: { latitude: 51, longitude: 4 } };

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
});

/** Opens a device with a user, and a listener that only notes what it hears. */
async function openDevice(t, externalId) {
  const device = await openPageDevice(t, browser, pages.address(platform), { context: AT_HOME });
  await noteStatuses(device);
  await createUser(device, externalId);
  return device;
}

/** Has a listener note every status that it hears. */
async function noteStatuses(device) {
  await device.evaluate(async () => {
    window.heard = [];
    await window.sdk.addSdkStatusUpdateListener((status) => window.heard.push(status));
  });
}

/** Checks that no status was told that is the one before. */
async function assertEachDiffers(device) {
  const statuses = await device.evaluate(() => window.heard);
  assert.ok(statuses.length > 1);
  statuses
    .slice(1)
    .forEach((status, index) => assert.notDeepEqual(status, statuses[index], `update ${index}`));
}

async function createUser(device, externalId) {
  const { userId } = await signIn(platform, device, externalId);
  return userId;
}

/** Arguments with which a function does something; the others take none. A function stands for a listener or linker. */
const ARGUMENTS = {
  addTripMetadata: [{ colour: "green" }],
  addUserMetadataField: ["colour", "green"],
  addUserMetadataFields: [{ colour: "green" }],
  enableDetectionsWithExpiryDate: [Date.now() + HOUR_MS],
  initialize: [{}],
  isTripOngoing: ["ANY"],
  removeUserMetadataField: ["colour"],
  setAppSessionDataCollectionEnabled: [true],
  setIsAllowedToUseMobileData: [false],
  setTransmittableDataTypes: [["ALL"]],
  startTrip: [{ colour: "green" }, 2],
};

/** Has a listener call a function as soon as it hears of a change, and returns what came of the call. */
function callFromListener(device, name, args) {
  const outcome = device.evaluate(
    async ([name, args]) => {
      const { sdk } = window;
      const takesFunction = /^add\w+Listener$/.test(name) || name === "linkUser";
      const called = new Promise((resolve) => {
        const subscription = sdk.addSdkStatusUpdateListener(() => {
          subscription.remove();
          resolve(sdk[name](...(takesFunction ? [() => true] : args)));
        });
      });
      const isEnabled = (await sdk.getSdkStatus()).detectionStatus !== "DISABLED";
      await (isEnabled ? sdk.disableDetections() : sdk.enableDetections());
      return called.then(
        () => "fulfilled",
        ({ reason }) => reason,
      );
    },
    [name, args],
  );
  return within(`${name}() in a listener`, outcome);
}

test("a listener may call every function", async (t) => {
  const device = await openDevice(t, "every function");
  const outcomes = {};
  for (const name of names.functions) {
    const needsCode = ["createUser", "linkUserWithAuthCode"].includes(name);
    const args = needsCode ? [await authCode(platform, `from a listener: ${name}`)] : (ARGUMENTS[name] ?? []);
    outcomes[name] = await callFromListener(device, name, args);
    if (name === "reset") await createUser(device, "every function");
  }
  const { createUser: creation, linkUser, linkUserWithAuthCode, ...others } = outcomes;
  assert.equal(creation, "USER_ALREADY_EXISTS");
  assert.equal(linkUser, "USER_ALREADY_LINKED");
  assert.equal(linkUserWithAuthCode, "USER_ALREADY_LINKED");
  // A trip needs detections, which every second change switches off.
  for (const reason of ["DETECTIONS_DISABLED", "DETECTIONS_BLOCKED", "NO_ONGOING_TRIP"]) {
    for (const name of ["startTrip", "stopTrip"]) if (others[name] === reason) others[name] = "fulfilled";
  }
  assert.deepEqual(others, Object.fromEntries(Object.keys(others).map((name) => [name, "fulfilled"])));

  await assertEachDiffers(device);
  await assertUserIs(device, await device.call("getUserId"));
  device.assertQuiet();
});

/** What an app may pass as a listener. */
const MISBEHAVIOURS = {
  "throws an error": () => {
    throw new Error("thrown by a listener");
  },
  "throws nothing": () => {
    throw undefined;
  },
  "returns a promise that is rejected": () => Promise.reject(new Error("rejected by a listener")),
  "returns a promise that nobody settles": () => new Promise(() => {}),
  "returns a thenable that throws": () => ({
    then() {
      throw new Error("thrown by a thenable");
    },
  }),
  "keeps the page busy": () => {
    for (const end = Date.now() + 200; Date.now() < end;);
  },
  "removes itself and adds itself again": function again() {
    window.again ??= window.sdk.addSdkStatusUpdateListener(again);
    window.again.remove();
    window.again = undefined;
  },
};

for (const [title, misbehave] of Object.entries(MISBEHAVIOURS)) {
  test(`a listener that ${title} does not keep others from hearing, nor any call from its answer`, async (t) => {
    const device = await openPageDevice(t, browser, pages.address(platform), { context: AT_HOME });
    // Before the good one, and behind it.
    const addAll = `(async () => {
      const misbehave = ${misbehave};
      window.calls = 0;
      const counted = (...args) => { window.calls += 1; return misbehave(...args); };
      for (const name of ["Status", "UserActivity"]) await sdk["addSdk" + name + "UpdateListener"](counted);
      await sdk.addTripTimeoutListener(counted);
    })()`;
    await device.evaluate(addAll);
    await device.call("addSdkStatusUpdateListener");
    await noteStatuses(device);
    await device.evaluate(addAll);

    const userId = await createUser(device, title);
    await device.hears("that there is a user", ({ userExists }) => userExists);
    await device.call("enableDetections");
    await device.hears("detections", ({ detectionStatus }) => detectionStatus === "ENABLED_AND_DETECTING");
    await device.call("startTrip", {}, 2);
    await device.call("stopTrip");
    await assertTokenWorks(platform, device, userId);
    await device.call("reset");
    await device.hears("that the user is gone", ({ userExists }) => !userExists);
    assert.equal(await createUser(device, title), userId);
    await assertUserIs(device, userId);

    assert.ok((await device.evaluate("window.calls")) > 0, "it was called");
    const fails = /throws|rejected/.test(title);
    assert.deepEqual(device.warnings, fails ? ["LISTENER_FAILED"] : []);
    await assertEachDiffers(device);
    device.assertQuiet();
  });
}
