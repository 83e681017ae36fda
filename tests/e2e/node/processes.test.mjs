// The SDK keeps no Node process alive: wherever Node imitates a page, whatever the app has called. Each case is a process
// that must end by itself.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { before, test } from "node:test";
import { PACKAGE } from "../../package/support/entries.mjs";
import { ROOT } from "../support/artifacts.mjs";
import { authCode } from "../support/backend.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { makeFolder } from "../support/folder.mjs";
import { startPlatform } from "../support/platform.mjs";

const APP = join(ROOT, "tests/e2e/node/apps/imitation.mjs");
/** Far less than any handle of the SDK's lasts, and far more than a slow machine needs. */
const PATIENCE_MS = 30_000;
const IMITATIONS = ["none", "jsdom", "jsdom's window", "happy-dom", "happy-dom with its timers and fetch"];
const SCENARIOS = [
  "a user",
  "a user, and a reset",
  "a listener, and a user",
  "a user who wants detections",
  "no channel",
  "its own fetch",
];

let platform;

before(async () => {
  platform = await startPlatform(fileScope);
});

/** Runs a process until it ends; fails where it does not by itself. */
async function runToEnd(args, options = {}) {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const [code, signal] = await once(child, "close");
  clearTimeout(timer);
  assert.equal(signal, null, `it did not end by itself: ${said}`);
  assert.equal(code, 0, said);
  return said;
}

for (const imitation of IMITATIONS) {
  for (const scenario of SCENARIOS) {
    test(`the process ends: page by ${imitation}, ${scenario}`, async () => {
      const code = await authCode(platform, `${imitation}, ${scenario}`);
      const said = await runToEnd([APP, imitation, scenario, platform.url, code]);
      assert.match(said, /done/);
    });
  }
}

test("jest with jest-fixed-jsdom ends after its tests, with a user", async (t) => {
  const { resolve } = createRequire(import.meta.url);
  const folder = await makeFolder(t, "jest");
  const config = { testEnvironment: resolve("jest-fixed-jsdom"), transform: {}, rootDir: folder };
  await writeFile(join(folder, "jest.config.json"), JSON.stringify(config));
  await writeFile(
    join(folder, "app.test.js"),
    `const sdk = require(${JSON.stringify(join(PACKAGE, "index.cjs"))});
     test("a user", async () => {
       await sdk.initialize({ platformUrl: ${JSON.stringify(platform.url)} });
       await sdk.addSdkStatusUpdateListener(() => {});
       await sdk.createUser({ authCode: ${JSON.stringify(await authCode(platform, "jest"))} });
       await sdk.enableDetections();
       await new Promise((resolve) => setTimeout(resolve, 500));
     });`,
  );
  const jest = join(resolve("jest/package.json"), "../bin/jest.js");
  const said = await runToEnd([jest, "--runInBand", "--config", join(folder, "jest.config.json")], {
    cwd: folder,
  });
  assert.match(said, /1 passed/);
  assert.doesNotMatch(said, /did not exit/);
});
