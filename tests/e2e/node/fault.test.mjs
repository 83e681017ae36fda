// What an app sees in Node when the core's own code breaks: the WebAssembly core, and the JavaScript core of React Native.

import { before, test } from "node:test";
import { ENGINES } from "../../package/support/entries.mjs";
import { installFaultyPackage } from "../support/consumer.mjs";
import { FAULTS, WAYS } from "../support/faults.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startLocalDevice } from "../support/local-device.mjs";
import { startPlatform } from "../support/platform.mjs";
import { makeAsyncStorage } from "../support/storages.mjs";

let platform;
let folder;

before(async () => {
  [platform, folder] = await Promise.all([startPlatform(fileScope), installFaultyPackage(fileScope)]);
});

for (const { engine, file } of ENGINES) {
  const openDevice = async (t, platformUrl) => {
    let breakOn;
    const fetch = async (...request) => {
      const response = await globalThis.fetch(...request);
      if (breakOn && request[0].endsWith(breakOn)) {
        breakOn = undefined;
        await device.perform("breakCore", []);
      }
      return response;
    };
    const storage = makeAsyncStorage();
    const device = await startLocalDevice(folder, { platformUrl, storage, fetch }, file);
    return Object.assign(device, { breakOnAnswerOf: (path) => (breakOn = path) });
  };
  for (const { title, run } of FAULTS) {
    test(`${engine}: ${title}`, (t) => run(t, { platform, openDevice, ways: WAYS[engine] }));
  }
}
