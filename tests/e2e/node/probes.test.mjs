// The behaviour probes in Node.

import { before, test } from "node:test";
import { installPackage } from "../support/consumer.mjs";
import { eavesdrop } from "../support/eavesdrop.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startLocalDevice } from "../support/local-device.mjs";
import { startPlatform } from "../support/platform.mjs";
import { PROBES } from "../support/probes.mjs";
import { makeAsyncStorage } from "../support/storages.mjs";

let platform;
let folder;

before(async () => {
  [platform, folder] = await Promise.all([
    startPlatform(fileScope, { accessTokenLifetime: "1h" }),
    installPackage(fileScope),
  ]);
});

/** Opens a device in this process, whose clock and console are therefore the device's. */
async function openDevice(t, platformUrl, options) {
  const said = [];
  const note = (...args) => said.push(args.map(String).join(" "));
  for (const level of ["debug", "error", "info", "log", "trace", "warn"]) t.mock.method(console, level, note);
  const now = Date.now.bind(Date);
  let clock = now;
  t.mock.method(Date, "now", () => clock());

  const storage = makeAsyncStorage();
  const device = await startLocalDevice(folder, { platformUrl, storage, logger: console, ...options });
  return Object.assign(
    eavesdrop(device, () => said),
    {
      async launch() {
        const { options } = device;
        device.options = undefined;
        await device.restart();
        device.options = options;
        const begun = performance.now();
        await device.call("getVersion");
        const loaded = performance.now();
        await device.call("initialize", options);
        await device.call("getUserId");
        return { core: loaded - begun, user: performance.now() - loaded };
      },
      setClock({ offset, stopped }) {
        const stop = now() + offset;
        clock = stopped ? () => stop : () => now() + offset;
      },
      stored: (key) => storage.items.get(key) ?? null,
      store: (key, text) => void storage.items.set(key, text),
      failWrites(fails) {
        if (!fails) return void delete storage.instead.setItem;
        storage.instead.setItem = () => {
          throw new DOMException("the quota has been exceeded", "QuotaExceededError");
        };
      },
    },
  );
}

for (const { title, run } of PROBES) {
  test(title, (t) => run(t, { platform, openDevice }));
}
