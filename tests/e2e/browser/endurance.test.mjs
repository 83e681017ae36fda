// What is left in a page's memory after very many calls.

import { before, test } from "node:test";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { CYCLING, ENDURANCE, WITHOUT_OPTIMIZERS, WORK } from "../support/endurance.mjs";
import { fileScope } from "../support/file-scope.mjs";

let platform;
let pages;
let browser;

before(async () => {
  const chromium = [`--js-flags=${WITHOUT_OPTIMIZERS.join(" ")}`];
  ({ platform, pages, browser } = await startBrowserStage(fileScope, { chromium }));
});

/** Runs in the page before its own scripts: finds the core's memory. */
function prepare() {
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (...args) => {
    const started = await instantiate(...args);
    window.coreMemory = started.instance.exports.memory;
    return started;
  };
}

/** A method's text alone is no function. */
const asFunction = (method) => new Function("argument", `return ({ ${method} }).${method.name}(argument)`);

/** Opens a device that is a page. */
async function openDevice(t) {
  const device = await openPageDevice(t, browser, pages.address(platform), { prepare });
  const protocol = await device.protocol();
  return Object.assign(device, {
    run: (job, argument) => device.evaluate(asFunction(WORK[job]), argument),
    async measure() {
      // What is freed by a finalizer is collected by the next round.
      for (let round = 0; round < 5; round += 1) {
        await protocol.send("HeapProfiler.collectGarbage");
        await device.evaluate(() => new Promise((resolve) => setTimeout(resolve, 20)));
      }
      const { usedSize } = await protocol.send("Runtime.getHeapUsage");
      return { heap: usedSize, core: await device.evaluate(() => window.coreMemory.buffer.byteLength) };
    },
  });
}

/** Opens a device whose page waits in vain for every role that only one tab has: another tab has them. */
async function openDeviceWithoutRoles(t) {
  const device = await openDevice(t);
  await device.evaluate(async () => {
    for (const role of ["following", "recording"]) {
      await new Promise((held) => {
        void navigator.locks.request(`sentiance.core.${role}`, () => {
          held();
          return new Promise(() => {});
        });
      });
    }
  });
  return device;
}

for (const { title, run } of ENDURANCE) {
  test(title, (t) => run(t, { platform, openDevice }));
}

test(`in a tab that does not lead, ${CYCLING.title}`, (t) =>
  CYCLING.run(t, { platform, openDevice: openDeviceWithoutRoles }));
