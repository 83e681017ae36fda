// Endurance: what is left in memory after very many calls. Two hosts run this, Node and Chromium.
//
// A host has `platform`, and `openDevice(t)`. Its device has `run(work, argument)`, which runs a function of `WORK`
// where the app runs and where `sdk` is a global, and `measure()`: the bytes in use after a garbage collection, as
// `{ heap, core }`: JavaScript's heap, and the core's own memory.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./artifacts.mjs";
import { authCode } from "./backend.mjs";

/** What an engine compiles once it has run often counts as heap, and would look like a leak. */
export const WITHOUT_OPTIMIZERS = ["--no-opt", "--no-maglev"];

const CALLS = 100_000;
const CYCLES = 1_000;
/** What is called, or gone through, before the memory is measured: engines compile and caches fill. */
const WARM_UP_CALLS = 10_000;
const WARM_UP_CYCLES = 250;
const CYCLES_AT_ONCE = 50;
/** In one of so many cycles everything else is called, too. */
const FULL_CYCLE = 10;
/** How much more than before may be in use. */
const TOLERANCE = 0.05;

/** What is called with other arguments than none. `LISTENER` stands for a function, which could not cross to a page. */
const LISTENER = "a listener";
const ARGUMENTS = {
  addSdkStatusUpdateListener: [LISTENER],
  addSdkUserActivityUpdateListener: [LISTENER],
  addTripMetadata: [{ stop: "shop" }],
  addTripTimeoutListener: [LISTENER],
  addUserMetadataField: ["seat", "12"],
  addUserMetadataFields: [{ seat: "12", row: "3" }],
  enableDetectionsWithExpiryDate: [Date.now() + 86_400_000],
  isTripOngoing: ["ANY"],
  linkUser: [LISTENER],
  linkUserWithAuthCode: ["f".repeat(128)],
  removeUserMetadataField: ["seat"],
  setAppSessionDataCollectionEnabled: [true],
  setIsAllowedToUseMobileData: [true],
  setTransmittableDataTypes: [["ALL"]],
  startTrip: [{ stop: "home" }, 2],
};
/** What writes, sends or subscribes, in the order of a full cycle. Everything else is cheap. */
const COSTLY = [
  "addSdkStatusUpdateListener",
  "addSdkUserActivityUpdateListener",
  "addTripTimeoutListener",
  "enableDetections",
  "enableDetectionsWithExpiryDate",
  "startTrip",
  "addTripMetadata",
  "stopTrip",
  "disableDetections",
  "addUserMetadataField",
  "addUserMetadataFields",
  "removeUserMetadataField",
  "submitDetections",
  "linkUser",
  "linkUserWithAuthCode",
];
/** What makes a cycle, and what a process calls once. */
const BEGINNINGS_AND_ENDS = ["createUser", "reset", "initialize"];

const asCall = (name) => ({ name, args: ARGUMENTS[name] ?? [], listens: ARGUMENTS[name]?.[0] === LISTENER });

async function cheapCalls() {
  const list = JSON.parse(await readFile(join(ROOT, "tests/package/api-names.json"), "utf8"));
  const costly = new Set([...COSTLY, ...BEGINNINGS_AND_ENDS]);
  return list.functions.filter((name) => !costly.has(name)).map(asCall);
}

/** What runs where the app runs; each function travels as text. */
export const WORK = {
  /** Calls each function so often. */
  async callEach({ calls, times }) {
    for (const { name, args } of calls) {
      for (let call = 0; call < times; call += 1) await globalThis.sdk[name](...args);
    }
  },
  /** Creates a user with each code, calls everything else now and then, and resets. */
  async goThroughCycles({ codes, calls, fullCycle }) {
    for (const [cycle, authCode] of codes.entries()) {
      const isFull = cycle % fullCycle === 0;
      // One that failed is out of the way of the next at once.
      if (isFull) await globalThis.sdk.createUser({ authCode: "f".repeat(128) }).catch(() => undefined);
      await globalThis.sdk.createUser({ authCode });
      for (const { name, args, listens } of isFull ? calls : []) {
        // Not each of them can do something here. What it says of that is not in question.
        const value = await globalThis.sdk[name](...(listens ? [() => true] : args)).catch(() => undefined);
        value?.remove?.();
      }
      await globalThis.sdk.reset();
    }
  },
};

async function cycles(host, device, count) {
  const calls = COSTLY.map(asCall);
  for (let done = 0; done < count; done += CYCLES_AT_ONCE) {
    const asked = Array.from({ length: CYCLES_AT_ONCE }, () => authCode(host.platform, "endurance"));
    await device.run("goThroughCycles", { codes: await Promise.all(asked), calls, fullCycle: FULL_CYCLE });
  }
}

function assertFlat(t, before, after) {
  for (const what of ["heap", "core"]) {
    const change = after[what] / before[what] - 1;
    const kilobytes = (bytes) => `${(bytes / 1024).toFixed(0)} KB`;
    const text = `${what}: ${kilobytes(before[what])} before, ${kilobytes(after[what])} after`;
    t.diagnostic(`${text} (${(100 * change).toFixed(2)} %)`);
    assert.ok(change <= TOLERANCE, text);
  }
}

/** Cheap functions, called again and again. */
const CALLING = {
  title: `${CALLS} calls of each cheap function leave the memory flat`,
  async run(t, host) {
    const device = await host.openDevice(t);
    const calls = await cheapCalls();
    const code = await authCode(host.platform, "endurance");
    await device.run("callEach", { calls: [{ name: "createUser", args: [code] }], times: 1 });
    await device.run("callEach", { calls, times: WARM_UP_CALLS });
    const before = await device.measure();
    await device.run("callEach", { calls, times: CALLS });
    t.diagnostic(`${calls.length} functions`);
    assertFlat(t, before, await device.measure());
  },
};

/** Users that come and go. */
export const CYCLING = {
  title: `${CYCLES} creations and resets leave the memory flat`,
  async run(t, host) {
    const device = await host.openDevice(t);
    await cycles(host, device, WARM_UP_CYCLES);
    const before = await device.measure();
    await cycles(host, device, CYCLES);
    assertFlat(t, before, await device.measure());
  },
};

/** Every test that both hosts run, as `{ title, run(t, host) }`. */
export const ENDURANCE = [CALLING, CYCLING];
