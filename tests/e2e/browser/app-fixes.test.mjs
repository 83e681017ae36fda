// Where the browser does not say that a permission is granted, a position that the app itself gets starts the recording;
// and the app does not notice that it is observed.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode, readDetections } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { Surroundings } from "../support/surroundings.mjs";

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
});

/** Browsers, by what they do with the permission. Each function runs in the page, before its own scripts. */
const BROWSERS = {
  "a browser without the Permissions API": () =>
    Object.defineProperty(Navigator.prototype, "permissions", { value: undefined }),
  "a browser whose query rejects": () => {
    navigator.permissions.query = () => Promise.reject(new TypeError("not supported"));
  },
  "a browser whose query never ends": () => {
    navigator.permissions.query = () => new Promise(() => {});
  },
  "a browser whose query throws": () => {
    navigator.permissions.query = () => {
      throw new TypeError("not supported");
    };
  },
  "a browser that says prompt in every page that has not asked": () => {
    let asked = false;
    for (const name of ["getCurrentPosition", "watchPosition"]) {
      const original = Geolocation.prototype[name];
      Geolocation.prototype[name] = function (success, ...rest) {
        return original.call(this, (fix) => success(fix, (asked = true)), ...rest);
      };
    }
    navigator.permissions.query = async () => ({
      get state() {
        return asked ? "granted" : "prompt";
      },
    });
  },
};

/** Opens a device of which the browser gives positions whenever they are asked for. */
async function openDevice(t, prepare) {
  const options = { context: { permissions: ["geolocation"] }, prepare };
  const device = await openPageDevice(t, browser, pages.address(platform), options);
  const surroundings = await Surroundings.of(browser, device);
  await surroundings.moveTo(51, 4);
  return { device, surroundings };
}

/** The app asks for the position itself, once or as long as the page lives. */
function appLocates(device, method = "getCurrentPosition") {
  return device.evaluate(
    (method) =>
      new Promise((resolve, reject) => {
        navigator.geolocation[method](resolve, reject, { enableHighAccuracy: true, maximumAge: Infinity });
      }).then(({ coords }) => coords.latitude),
    method,
  );
}

async function assertUndecided(device) {
  const status = await device.call("getSdkStatus");
  assert.equal(status.detectionStatus, "ENABLED_BUT_BLOCKED", "the SDK asks no person itself");
  assert.equal(status.locationPermission, "ONLY_WHILE_IN_USE", "no person has refused");
  assert.equal(status.isPreciseLocationAuthorizationGranted, false, "the app has to ask");
}

const isDetecting = ({ detectionStatus }) => detectionStatus === "ENABLED_AND_DETECTING";

for (const [name, prepare] of Object.entries(BROWSERS)) {
  test(`${name}: recording begins with the app's own position`, async (t) => {
    const { device, surroundings } = await openDevice(t, prepare);
    const code = await authCode(platform, name);
    const { userInfo } = await device.call("createUser", { authCode: code });
    await device.call("addSdkStatusUpdateListener");
    await device.call("enableDetections");
    await assertUndecided(device);
    assert.equal(await appLocates(device), 51);
    await device.hears("that detections run", isDetecting);
    const { locationPermission } = await device.call("getSdkStatus");
    assert.equal(locationPermission, "ONLY_WHILE_IN_USE");

    await device.restart();
    await surroundings.attach();
    await surroundings.moveTo(51.001, 4);
    await device.call("addSdkStatusUpdateListener");
    await assertUndecided(device);
    assert.equal(await appLocates(device, "watchPosition"), 51.001);
    await device.hears("that detections run again", isDetecting);
    let moves = 0;
    await eventually("that a position of the second page arrives", async () => {
      // Chromium tells the second watch of a page nothing before the device moves, and the SDK's may begin a moment later.
      await surroundings.moveTo(51.002, 4 + ++moves / 1_000);
      await device.call("submitDetections");
      const detections = await readDetections(platform, userInfo.userId);
      return detections.some(({ position }) => position?.latitude === 51.002);
    });
    device.assertQuiet();
  });

  test(`${name}: an app may ask first, and enable detections then`, async (t) => {
    const { device } = await openDevice(t, prepare);
    await device.call("createUser", { authCode: await authCode(platform, `${name}, first`) });
    await appLocates(device);
    await device.call("addSdkStatusUpdateListener");
    const { detectionStatus } = await device.call("enableDetections");
    if (detectionStatus !== "ENABLED_AND_DETECTING") await device.hears("that detections run", isDetecting);
  });

  test(`${name}: the app's word is enough, and can be taken back`, async (t) => {
    const { device } = await openDevice(t, prepare);
    await device.call("createUser", { authCode: await authCode(platform, `${name}, word`) });
    await device.call("addSdkStatusUpdateListener");
    await device.call("enableDetections");
    await device.call("initialize", { locationAllowed: true });
    await device.hears("that detections run", isDetecting);
    await device.call("initialize", { locationAllowed: false });
    await device.hears("that they do not", (status) => !isDetecting(status));
  });
}

test("a person who refuses is heard where the browser does not tell, and may change their mind", async (t) => {
  const { device, surroundings } = await openDevice(t, () => {
    Object.defineProperty(Navigator.prototype, "permissions", { value: undefined });
  });
  await device.call("createUser", { authCode: await authCode(platform, "refuses") });
  await device.call("addSdkStatusUpdateListener");
  await device.call("enableDetections");
  await surroundings.setPermission("geolocation", "denied");
  await device.call("initialize", { locationAllowed: true });
  await device.hears("the refusal", ({ locationPermission }) => locationPermission === "NEVER");
  await surroundings.setPermission("geolocation", "granted");
  await appLocates(device);
  await device.hears("that detections run", isDetecting);
});

test("an app does not notice that its calls for a position are observed", async (t) => {
  const { device } = await openDevice(t, () => {
    Object.defineProperty(Navigator.prototype, "permissions", { value: undefined });
  });
  /** What can be seen of the service, and what its methods do. */
  const look = () =>
    device.evaluate(async () => {
      const { geolocation } = navigator;
      const seen = {
        own: Reflect.ownKeys(geolocation),
        listed: [],
        prototype: Object.keys(Object.getOwnPropertyDescriptors(Geolocation.prototype)),
      };
      for (const key in geolocation) seen.listed.push(key);
      for (const name of ["getCurrentPosition", "watchPosition"]) {
        const method = geolocation[name];
        const { enumerable, configurable, writable } = Object.getOwnPropertyDescriptor(
          Geolocation.prototype,
          name,
        );
        const thrown = (work) => {
          try {
            return String(work());
          } catch (error) {
            return String(error);
          }
        };
        const got = await new Promise((resolve, reject) => {
          const call = [
            function (...args) {
              resolve([this === undefined || this === window, args.length]);
            },
            reject,
            { maximumAge: Infinity },
          ];
          const number = method.apply(geolocation, call);
          if (number !== undefined) geolocation.clearWatch(number);
          if (number !== undefined) resolve(typeof number);
        });
        seen[name] = {
          facts: [
            method.name,
            method.length,
            typeof method,
            enumerable,
            configurable,
            writable,
            "prototype" in method,
          ],
          got,
          errors: [
            thrown(() => method.call(geolocation)),
            thrown(() => method.call(geolocation, 7)),
            thrown(() => method.call({}, () => {})),
            thrown(() => new method(() => {})),
          ],
        };
      }
      return seen;
    });
  const before = await look();
  await device.evaluate(() => {
    window.original = Object.getOwnPropertyDescriptors(Geolocation.prototype);
  });
  await device.call("createUser", { authCode: await authCode(platform, "observed") });
  await device.call("enableDetections");
  const isOriginal = () =>
    device.evaluate(() => Geolocation.prototype.watchPosition === window.original.watchPosition.value);
  await eventually("that the app is observed", async () => !(await isOriginal()));
  // Observation ends with the first position, so what is looked at here is the same as what `look` calls.
  const observed = await look();
  assert.deepEqual(observed, before);
  await eventually("that it is over", isOriginal);
  assert.deepEqual(await look(), before);
  device.assertQuiet();
});

test("a wrapper of the app's around the observed methods goes on to work", async (t) => {
  const { device } = await openDevice(t, () => {
    Object.defineProperty(Navigator.prototype, "permissions", { value: undefined });
  });
  await device.call("createUser", { authCode: await authCode(platform, "wrapper") });
  await device.call("addSdkStatusUpdateListener");
  await device.call("enableDetections");
  await device.evaluate(() => {
    window.wrapped = 0;
    const original = navigator.geolocation.getCurrentPosition;
    navigator.geolocation.getCurrentPosition = function (...args) {
      window.wrapped += 1;
      return original.apply(this, args);
    };
  });
  assert.equal(await appLocates(device), 51);
  await device.hears("that detections run", isDetecting);
  assert.equal(await appLocates(device), 51);
  assert.equal(await device.evaluate(() => window.wrapped), 2);
});

test("a geolocation that can't be changed is left alone", async (t) => {
  const { device } = await openDevice(t, () => {
    Object.defineProperty(Navigator.prototype, "permissions", { value: undefined });
    Object.freeze(Geolocation.prototype);
    Object.freeze(navigator.geolocation);
  });
  await device.call("createUser", { authCode: await authCode(platform, "frozen geolocation") });
  await device.call("addSdkStatusUpdateListener");
  await device.call("enableDetections");
  assert.equal(await appLocates(device), 51);
  await assertUndecided(device);
  await device.call("initialize", { locationAllowed: true });
  await device.hears("that detections run", isDetecting);
  device.assertQuiet();
});
