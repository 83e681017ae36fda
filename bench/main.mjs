// Measures what the project promises about speed, memory and size, and prints it. `npm run bench` runs it; figures
// are of this machine, ratios compare two ways of doing the same thing in the same run.

import { cpus } from "node:os";
import { installPackage } from "../tests/e2e/support/consumer.mjs";
import { startPlatform } from "../tests/e2e/support/platform.mjs";
import { Scope } from "../tests/e2e/support/scope.mjs";
import { measureLive } from "./live.mjs";
import { measurePlatform } from "./platform.mjs";
import { measureInChromium } from "./sdk-in-chromium.mjs";
import { measureInNode } from "./sdk-in-node.mjs";
import { measureSizes } from "./sizes.mjs";
import { startSlowNetwork } from "./slow-network.mjs";
import { median, summary } from "./statistics.mjs";

const START_RUNS = 10;
const CREATE_RUNS = 50;
const TAKEOVER_RUNS = 100;
const COMMAND_RUNS = 20;
/** A good mobile connection. */
const ROUND_TRIP_MS = 40;

const scope = new Scope();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => void scope.close().then(() => process.exit(130)));
}

try {
  console.log(`On ${cpus().length} cores, Node ${process.versions.node}`);

  const { newDatabaseMs, knownDatabaseMs, idleMegabytes } = await measurePlatform(scope, START_RUNS);
  console.log("\nPlatform");
  console.log(`  start to first answer, new database:    ${summary(newDatabaseMs, "ms")}`);
  console.log(`  start to first answer, known database:  ${summary(knownDatabaseMs, "ms")}`);
  console.log(`  resident memory when idle:              ${summary(idleMegabytes, "MB")}`);

  const project = await installPackage(scope);
  const platform = await startPlatform(scope);
  const slowUrl = await startSlowNetwork(scope, platform, ROUND_TRIP_MS);
  const setting = { platform, slowUrl, project, runs: CREATE_RUNS };
  const node = await measureInNode(setting);
  const chromium = await measureInChromium(scope, setting);
  console.log(
    "\nCreating a user: createUser(), and a bare fetch of the same request with one write to storage",
  );
  printCreations("Node, in memory", node.inMemory);
  printCreations(`the same, with a round trip of ${ROUND_TRIP_MS} ms`, node.slowly);
  printCreations("Node, in a file", node.inFile);
  printCreations("Chromium, in localStorage", chromium.inLocalStorage);
  printCreations(`the same, with a round trip of ${ROUND_TRIP_MS} ms`, chromium.slowly);
  console.log(
    "\nCalls per second, one after the other: getSdkStatus(), and a promise of the same, parsed from JSON",
  );
  printStatusCalls("Node", node.statusCalls);
  printStatusCalls("Chromium", chromium.statusCalls);

  const { nodeMs, pageMs, commandMs } = await measureLive(scope, {
    platform,
    project,
    runs: TAKEOVER_RUNS,
    commands: COMMAND_RUNS,
  });
  console.log("\nUntil a device hears what was decided elsewhere: median, best and worst");
  console.log(`  a takeover, in Node:                 ${summary(nodeMs, "ms")}`);
  console.log(`  a takeover, in a hidden page:        ${summary(pageMs, "ms")}`);
  console.log(`  disabled or enabled by a command:    ${summary(commandMs, "ms")}`);

  const { browser, reactNative } = await measureSizes(project);
  console.log("\nWhat an app's users download because of the package");
  console.log(
    `  browser, bundled and minified:  ${kilobytes(browser.raw)}, gzip -9 ${kilobytes(browser.gzipped)}`,
  );
  console.log(`  React Native, minified:         ${kilobytes(reactNative)}`);
} catch (error) {
  console.error(`The measurement failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await scope.close();
}

function printCreations(where, { sdkMs, fetchMs }) {
  const ratio = (median(sdkMs) / median(fetchMs)).toFixed(2);
  console.log(`  ${where}: ratio of the medians ${ratio}`);
  console.log(`    createUser:  ${summary(sdkMs, "ms")}`);
  console.log(`    bare fetch:  ${summary(fetchMs, "ms")}`);
}

function printStatusCalls(where, { sdkRates, parseRates }) {
  const ratio = (median(parseRates) / median(sdkRates)).toFixed(2);
  console.log(`  ${where}: ${rounded(sdkRates)} with the SDK, ${rounded(parseRates)} parsed; ratio ${ratio}`);
}

function rounded(rates) {
  return Math.round(median(rates)).toLocaleString("en");
}

function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1)} KB`;
}
