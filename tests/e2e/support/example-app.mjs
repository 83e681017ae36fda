// The app in examples/, as a reader would run it: a copy of its folder, with the packed tarball for the SDK.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { packPackage, ROOT } from "./artifacts.mjs";
import { within } from "./deadline.mjs";
import { makeFolder } from "./folder.mjs";

const run = promisify(execFile);
const EXAMPLE = join(ROOT, "examples/react-native-web");
const NOT_COPIED = ["node_modules", "dist"];
const STEP_DEADLINE_MS = 300_000;

/** Copies the example, installs what its lockfile names and the SDK's tarball, and returns the copy's folder. */
export async function installExample(scope) {
  const folder = await makeFolder(scope, "example");
  await cp(EXAMPLE, folder, { recursive: true, filter: (path) => !NOT_COPIED.includes(basename(path)) });
  const tarball = await packPackage(await makeFolder(scope, "tarball"));
  // From npm's cache what is there: another run of this test has left it.
  const flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  await runNpm(folder, "install", ...flags, tarball);
  return folder;
}

/** Runs one of the example's own scripts; where it fails, the error holds what it has printed. */
export async function runScript(folder, name) {
  await runNpm(folder, "run", name).catch(({ stdout, stderr }) => {
    throw new Error(`npm run ${name} failed:\n${stdout}${stderr}`);
  });
}

/** Starts the example's backend, and returns the app's address. */
export async function startBackend(scope, folder, platform) {
  const child = spawn(process.execPath, ["backend/main.mjs"], {
    cwd: folder,
    env: {
      ...process.env,
      API_KEY: platform.apiKey,
      APP_ID: platform.appId,
      PLATFORM_URL: platform.url,
      PORT: "0",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  scope.after(() => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout });
  const [line] = await within("the backend's start", once(lines, "line"));
  return /^The app is at (\S+)$/.exec(line)[1];
}

function runNpm(folder, ...args) {
  return run("npm", args, { cwd: folder, timeout: STEP_DEADLINE_MS });
}
