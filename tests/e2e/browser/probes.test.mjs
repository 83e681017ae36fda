// The behaviour probes in Chromium.

import { before, test } from "node:test";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { eavesdrop } from "../support/eavesdrop.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { PROBES } from "../support/probes.mjs";

let stage;

before(async () => {
  stage = await startBrowserStage(fileScope, undefined, { accessTokenLifetime: "1h" });
});

/** Runs in each page before its own scripts: a clock and a storage that the test can spoil, also across a reload. */
function prepare() {
  const { now } = Date;
  const { setItem } = Storage.prototype;
  const spoilt = (what) => JSON.parse(sessionStorage.getItem(`test.${what}`));
  window.spoil = (what, how) => setItem.call(sessionStorage, `test.${what}`, JSON.stringify(how));
  Date.now = () => {
    const clock = spoilt("clock");
    return clock?.stop ?? now() + (clock?.offset ?? 0);
  };
  Storage.prototype.setItem = function (...entry) {
    if (spoilt("writes")) throw new DOMException("the quota has been exceeded", "QuotaExceededError");
    setItem.apply(this, entry);
  };
}

/** Opens a device that is a page. */
async function openDevice(t, platformUrl, options) {
  const address = stage.pages.address({ url: platformUrl });
  const device = await openPageDevice(t, stage.browser, address, { prepare });
  const lines = () => [...device.console.map(({ text }) => text), ...device.errors];
  const { restart } = eavesdrop(device, lines);
  const initialize = async () => options && (await device.call("initialize", options));
  await initialize();
  return Object.assign(device, {
    async restart() {
      await restart();
      await initialize();
    },
    async launch() {
      await restart();
      return device.evaluate(async () => {
        const begun = performance.now();
        await window.perform("getVersion", []);
        const loaded = performance.now();
        await window.perform("getUserId", []);
        return { core: loaded - begun, user: performance.now() - loaded };
      });
    },
    setClock: ({ offset, stopped }) =>
      device.evaluate((clock) => window.spoil("clock", clock), {
        offset,
        stop: stopped ? Date.now() + offset : undefined,
      }),
    stored: (key) => device.evaluate((key) => localStorage.getItem(key), key),
    store: (key, text) => device.evaluate((entry) => localStorage.setItem(...entry), [key, text]),
    failWrites: (fails) => device.evaluate((fails) => window.spoil("writes", fails), fails),
  });
}

for (const { title, run } of PROBES) {
  test(title, (t) => run(t, { platform: stage.platform, openDevice }));
}
