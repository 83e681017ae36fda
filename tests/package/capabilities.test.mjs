// What `capabilities()` tells: an entry for every function, from what the runtime has, whether there is a core or not.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../e2e/support/artifacts.mjs";
import names from "./api-names.json" with { type: "json" };
import { ENGINES, importFresh, replaceGlobal } from "./support/entries.mjs";

/** Gives the process what a page in a good browser has, as far as `capabilities` looks at it. */
function pretendToBeAPage(t, { navigator = {}, ...globals } = {}) {
  const browser = { geolocation: {}, permissions: {}, connection: { type: "wifi" }, ...navigator };
  replaceGlobal(t, "navigator", { value: browser });
  const page = {
    window: {},
    document: {},
    localStorage: {},
    indexedDB: {},
    isSecureContext: true,
    DeviceMotionEvent: {},
  };
  for (const [name, value] of Object.entries({ ...page, ...globals })) replaceGlobal(t, name, { value });
}

/** The functions by what is said about their support. */
function bySupport(all, support) {
  return Object.keys(all)
    .filter((name) => all[name].support === support)
    .sort();
}

for (const { engine, file } of ENGINES) {
  test(`${engine}: every function has an entry, which says what is missing where something is`, async () => {
    const all = await (await importFresh(file)).capabilities();
    assert.deepEqual(Object.keys(all).sort(), names.functions);
    for (const [name, { support, missing }] of Object.entries(all)) {
      assert.ok(["full", "partial", "none"].includes(support), name);
      if (support === "full") assert.equal(missing, undefined, name);
      else assert.match(missing, /^[A-Z].*\.$/, name);
    }
  });
}

test("Node records nothing, and says why", async () => {
  const all = await (await importFresh("index")).capabilities();
  for (const name of ["enableDetections", "getUserActivity", "startTrip"]) {
    assert.deepEqual(all[name], { support: "none", missing: "There is no geolocation here." }, name);
  }
  assert.equal(all.createUser.support, "partial");
  assert.match(all.createUser.missing, /storage/);
  assert.equal(all.disableDetections.support, "full");
});

test("a page can do all but what no page can", async (t) => {
  pretendToBeAPage(t);
  const all = await (await importFresh("index")).capabilities();
  assert.deepEqual(bySupport(all, "none"), [
    "disableBatteryOptimization",
    "listenTripTimeout",
    "listenUserActivityUpdates",
    "updateSdkNotification",
    "userLinkCallback",
  ]);
  assert.deepEqual(bySupport(all, "partial"), [
    "addSdkStatusUpdateListener",
    "addSdkUserActivityUpdateListener",
    "addTripTimeoutListener",
    "enableDetections",
    "enableDetectionsWithExpiryDate",
    "getSdkStatus",
    "getUserActivity",
    "isTripOngoing",
    "setAppSessionDataCollectionEnabled",
    "startTrip",
  ]);
});

const PROBES = [
  { what: "a page that is not secure", globals: { isSecureContext: false }, none: "enableDetections" },
  { what: "a page without geolocation", navigator: { geolocation: undefined }, none: "startTrip" },
  { what: "a page without random numbers", globals: { crypto: undefined }, none: "createUser" },
  { what: "a page without localStorage", globals: { localStorage: null }, partial: "createUser" },
  { what: "a page without fetch", globals: { fetch: undefined }, partial: "submitDetections" },
  { what: "a page without IndexedDB", globals: { indexedDB: undefined }, partial: "getDiskQuotaLimit" },
  {
    what: "a page that hides its network",
    navigator: { connection: undefined },
    partial: "getMobileQuotaUsage",
  },
];

for (const { what, globals, navigator, none, partial } of PROBES) {
  test(`${what} cannot do everything`, async (t) => {
    pretendToBeAPage(t, { navigator, ...globals });
    const all = await (await importFresh("index")).capabilities();
    assert.equal(all[none ?? partial].support, none ? "none" : "partial");
  });
}

test("sensors and permissions that are missing are named", async (t) => {
  pretendToBeAPage(t, { DeviceMotionEvent: undefined, navigator: { permissions: undefined } });
  const all = await (await importFresh("index")).capabilities();
  assert.match(all.enableDetections.missing, /no motion/);
  assert.match(all.getSdkStatus.missing, /permission/);
});

test("a localStorage that must not be looked at is none", async (t) => {
  pretendToBeAPage(t);
  replaceGlobal(t, "localStorage", {
    get() {
      throw new Error("denied");
    },
  });
  const all = await (await importFresh("index")).capabilities();
  assert.equal(all.createUser.support, "partial");
});

test("it needs no core", async (t) => {
  replaceGlobal(t, "WebAssembly", { value: undefined });
  const all = await (await importFresh("index")).capabilities();
  assert.deepEqual(Object.keys(all).sort(), names.functions);
});

test("the README names every function", async () => {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const unnamed = names.functions.filter((name) => !new RegExp(`\`${name}\\b`).test(readme));
  assert.deepEqual(unnamed, []);
});
