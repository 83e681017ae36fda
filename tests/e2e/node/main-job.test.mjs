// The main job in Node, with the package as customers install it: as an ES module and as CommonJS.

import { before, test } from "node:test";
import { join } from "node:path";
import { installPackage } from "../support/consumer.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { makeFolder } from "../support/folder.mjs";
import { performMainJob } from "../support/main-job.mjs";
import { startNodeDevice } from "../support/node-device.mjs";
import { startPlatform } from "../support/platform.mjs";

let platform;
let folder;

before(async () => {
  [platform, folder] = await Promise.all([startPlatform(fileScope), installPackage(fileScope)]);
});

for (const [format, app] of [
  ["ES module", "app.mjs"],
  ["CommonJS", "app.cjs"],
]) {
  test(`the main job, with the package as ${format}`, async (t) => {
    const storage = { file: join(await makeFolder(t, "device"), "sentiance.json") };
    const initialize = { platformUrl: platform.url, storage };
    const device = await startNodeDevice(t, { folder, app, initialize });
    await performMainJob(platform, device, `main job, ${format}`);
  });
}
