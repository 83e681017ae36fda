// The React Native quick start's snippet, exactly as its documentation prints it, against a real platform.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { authCode } from "../support/backend.mjs";
import { ROOT } from "../support/artifacts.mjs";
import { installPackage } from "../support/consumer.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startPlatform } from "../support/platform.mjs";

const run = promisify(execFile);
const FIXTURES = join(ROOT, "tests/e2e/node/fixtures");
const DEADLINE_MS = 60_000;

let platform;
let folder;

before(async () => {
  [platform, folder] = await Promise.all([startPlatform(fileScope), installPackage(fileScope)]);
  await copyFile(join(FIXTURES, "react-native-snippet.txt"), join(folder, "snippet.mjs"));
  await copyFile(join(FIXTURES, "snippet-surroundings.mjs"), join(folder, "surroundings.mjs"));
});

/** Runs the snippet with this authentication code and returns the line that it prints. */
async function runSnippet(code) {
  const { stdout } = await run(process.execPath, ["--import", "./surroundings.mjs", "snippet.mjs"], {
    cwd: folder,
    env: { ...process.env, AUTHENTICATION_CODE: code, PLATFORM_URL: platform.url },
    timeout: DEADLINE_MS,
  });
  return stdout.trim();
}

test("with a code that the platform issued, the snippet prints the new user's id", async () => {
  const line = await runSnippet(await authCode(platform, "snippet"));
  assert.match(line, /^Created a user with ID: [0-9a-f]{24}$/);
});

test("with a code that the platform never issued, the snippet says why it failed", async () => {
  const line = await runSnippet("0".repeat(128));
  assert.match(line, /^User creation failed with error: SentianceError: Reason: SERVER_ERROR - \S.{20,}$/);
});
