// Measures what the project promises about speed, memory and size, and prints it. `npm run bench` runs it; figures
// are of this machine, ratios compare two ways of doing the same thing in the same run.

import { cpus } from "node:os";
import { installPackage } from "../tests/e2e/support/consumer.mjs";
import { startPlatform } from "../tests/e2e/support/platform.mjs";
import { Scope } from "../tests/e2e/support/scope.mjs";
import { measureCreateUser } from "./create-user.mjs";
import { measurePlatform } from "./platform.mjs";
import { measureSizes } from "./sizes.mjs";
import { median, summary } from "./statistics.mjs";

const START_RUNS = 10;
const CREATE_RUNS = 50;

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
  const { sdkMs, fetchMs } = await measureCreateUser(platform, project, CREATE_RUNS);
  console.log("\nCreating a user, in Node");
  console.log(`  with the SDK:     ${summary(sdkMs, "ms")}`);
  console.log(`  with bare fetch:  ${summary(fetchMs, "ms")}`);
  console.log(`  ratio of the medians: ${(median(sdkMs) / median(fetchMs)).toFixed(2)}`);

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

function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1)} KB`;
}
