// Every line of `capabilities()` against what the function does, runtime by runtime. A function that nothing observes
// fails, and so does a claim that what is seen does not bear out.

import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import * as esbuild from "esbuild";
import { createAgent } from "../e2e/support/agent.mjs";
import { ROOT } from "../e2e/support/artifacts.mjs";
import { launchChromium, openPageDevice } from "../e2e/support/chromium.mjs";
import { installPackage, installedEntries } from "../e2e/support/consumer.mjs";
import { Device } from "../e2e/support/device.mjs";
import { fileScope } from "../e2e/support/file-scope.mjs";
import { startHermesDevice } from "../e2e/support/hermes-device.mjs";
import { bundleFiles } from "../e2e/support/metro.mjs";
import { startPages } from "../e2e/support/pages.mjs";
import { startPlatform } from "../e2e/support/platform.mjs";
import { Surroundings } from "../e2e/support/surroundings.mjs";
import names from "../package/api-names.json" with { type: "json" };
import { importFresh, replaceGlobal } from "../package/support/entries.mjs";
import { observe } from "./claims/observe.mjs";
import { createObserver } from "./claims/observer.mjs";

const FOLDER = join(ROOT, "tests/conformance/claims");
const AGENT = join(ROOT, "tests/e2e/support/agent.mjs");

let platform;
let hasty;
let project;
let browser;
let pages;
let bundle;

before(async () => {
  [platform, hasty, project, browser] = await Promise.all([
    startPlatform(fileScope),
    startPlatform(fileScope, { tripTimeoutSeconds: 1 }),
    installPackage(fileScope),
    launchChromium(fileScope),
  ]);
  bundle = await bundleFiles(project, [join(FOLDER, "hermes.mjs"), join(FOLDER, "observer.mjs"), AGENT]);
  await copyFile(join(FOLDER, "page.mjs"), join(project, "page.mjs"));
  const outdir = join(project, "dist-claims");
  await esbuild.build({
    absWorkingDir: project,
    entryPoints: { app: "page.mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    outdir,
    logLevel: "silent",
  });
  pages = await startPages(fileScope, outdir);
});

/** A page of Chromium. `prepare` runs in it before its own scripts. */
async function openPage(t, { prepare, inWorker = false, setNetwork = false } = {}) {
  const address = pages.address(platform) + (inWorker ? "&worker" : "");
  const options = { context: { permissions: ["geolocation"] }, prepare };
  const device = await openPageDevice(t, browser, address, options);
  const surroundings = await Surroundings.of(browser, device);
  await surroundings.shake(1, 2, 9);
  return {
    device,
    moveTo: (...place) => surroundings.moveTo(...place),
    setNetwork: setNetwork ? (type) => device.evaluate((type) => window.connectBy(type), type) : undefined,
  };
}

/** An app in the test's own process. */
class LocalDevice extends Device {
  async open() {
    const sdk = await importFresh("index", installedEntries(project));
    this.perform = createAgent(createObserver(sdk), (status) => this.statuses.push(status));
  }

  close() {}
}

async function openNode(t, globals = {}) {
  for (const [name, value] of Object.entries(globals)) replaceGlobal(t, name, { value, writable: true });
  const device = new LocalDevice();
  await device.open();
  return { device };
}

async function openHermes(t, options) {
  const device = await startHermesDevice(t, { bundle, ...options });
  return { device, moveTo: options.geolocation ? (...place) => device.moveTo(...place) : undefined };
}

const RUNTIMES = {
  "a page": (t) => openPage(t),
  "a page without the Permissions API": (t) =>
    openPage(t, {
      prepare: () => Object.defineProperty(Navigator.prototype, "permissions", { value: undefined }),
    }),
  "a page whose permission query rejects": (t) =>
    openPage(t, {
      prepare: () => {
        navigator.permissions.query = () => Promise.reject(new TypeError("not supported"));
      },
    }),
  "a page of Safari, which says prompt until it has asked": (t) =>
    openPage(t, {
      prepare: () => {
        let state = "prompt";
        const { getCurrentPosition } = Geolocation.prototype;
        Geolocation.prototype.getCurrentPosition = function (success, ...rest) {
          state = "granted";
          return getCurrentPosition.call(this, success, ...rest);
        };
        navigator.permissions.query = async () => ({ state });
      },
    }),
  "a page that is not secure": (t) =>
    openPage(t, { prepare: () => Object.defineProperty(window, "isSecureContext", { value: false }) }),
  "a page without geolocation": (t) =>
    openPage(t, {
      prepare: () => Object.defineProperty(Navigator.prototype, "geolocation", { value: undefined }),
    }),
  "a page without motion": (t) =>
    openPage(t, { prepare: () => Object.defineProperty(window, "DeviceMotionEvent", { value: undefined }) }),
  "a page without localStorage": (t) =>
    openPage(t, {
      prepare: () =>
        Object.defineProperty(window, "localStorage", {
          get: () => {
            throw new Error("denied");
          },
        }),
    }),
  "a page without IndexedDB": (t) =>
    openPage(t, { prepare: () => Object.defineProperty(window, "indexedDB", { value: undefined }) }),
  "a page that tells its network": (t) =>
    openPage(t, {
      setNetwork: true,
      prepare: () => {
        const connection = Object.assign(new EventTarget(), { type: "wifi" });
        Object.defineProperty(navigator, "connection", { value: connection });
        window.connectBy = (type) => {
          connection.type = type;
          connection.dispatchEvent(new Event("change"));
        };
      },
    }),
  "a worker": (t) => openPage(t, { inWorker: true }),
  Node: (t) => openNode(t),
  "Node with jsdom": async (t) => {
    const { JSDOM } = await import("jsdom");
    const { window } = new JSDOM("<!doctype html>", { url: "http://localhost/" });
    const { document, localStorage, navigator } = window;
    return openNode(t, { window, document, localStorage, navigator });
  },
  "Hermes with a geolocation": (t) => openHermes(t, { geolocation: true }),
  "Hermes without a geolocation": (t) => openHermes(t, { geolocation: false }),
};

for (const [runtime, open] of Object.entries(RUNTIMES)) {
  test(`what is claimed of ${runtime} is what happens`, { timeout: 180_000 }, async (t) => {
    const world = { platform, hasty, ...(await open(t)) };
    const claims = await world.device.call("capabilities");
    const { seen, facts } = await observe(world);
    const claimed = Object.fromEntries(names.functions.map((name) => [name, claims[name].support]));
    const observed = Object.fromEntries(names.functions.map((name) => [name, seen[name]]));
    assert.deepEqual(observed, claimed);
    // That motion is recorded where there are sensors is tested with the drives, in tests/e2e/browser.
    if (/no motion/.test(claims.enableDetections.missing)) assert.equal(facts.motion, false);
  });
}
