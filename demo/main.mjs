// Performs the main job before the reader's eyes: a real platform on SQLite, the app's backend, and the app on two
// devices. The app is a project of its own that installed the package from its tarball.
//
// `npm run demo` runs it; with `--serve` the platform stays up afterwards.

import { join } from "node:path";
import { authCode, readOwnProfile } from "../tests/e2e/support/backend.mjs";
import { installPackage } from "../tests/e2e/support/consumer.mjs";
import { makeFolder } from "../tests/e2e/support/folder.mjs";
import { startNodeDevice } from "../tests/e2e/support/node-device.mjs";
import { startPlatform } from "../tests/e2e/support/platform.mjs";
import { check, result, shortened, step } from "./narration.mjs";
import { Scope } from "../tests/e2e/support/scope.mjs";

const EXTERNAL_ID = "ada@example.com";
const KEEP_SERVING = process.argv.includes("--serve");

const scope = new Scope();
let isServing = false;
// Ctrl-C must not leave the platform behind. It is how the reader ends `--serve`, and an interruption before that.
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => void scope.close().then(() => process.exit(isServing ? 0 : 130)));
}

try {
  const platform = await performMainJob();
  if (KEEP_SERVING) await serve(platform);
  await scope.close();
} catch (error) {
  await scope.close();
  console.error(`The demo failed: ${error.message}`);
  process.exitCode = 1;
}

async function performMainJob() {
  step("Start the platform on a SQLite file");
  const platform = await startPlatform(scope);
  result(`it listens on ${platform.url}, with the database ${platform.databaseFile}`);
  result(`its demo application has the API key ${shortened(platform.apiKey)}`);

  step("Install the package's tarball into an empty project: the app");
  const project = await installPackage(scope);
  result(`the app is in ${project}`);

  step(`The app's backend asks the platform for an authentication code for "${EXTERNAL_ID}"`);
  const code = await authCode(platform, EXTERNAL_ID);
  result(`POST /users/auth-code answered ${shortened(code)}`);

  step("The app on the phone creates the user");
  const phone = await startDevice(platform, project, "phone");
  const { userInfo } = await phone.call("createUser", { authCode: code });
  const { userId } = userInfo;
  result(`createUser() resolved: user ${userId}, access token ${shortened(userInfo.tokenId)}`);
  const profile = await readOwnProfile(platform, userInfo.tokenId);
  check(profile.status === 200 && profile.body.id === userId, "the platform knows the token's user");
  result(`GET /v2/users/me with that token answered user ${profile.body.id}`);

  step("The app is restarted: a new process, the same storage file");
  await phone.restart();
  check(await phone.call("userExists"), "the user is still there");
  check((await phone.call("getUserId")) === userId, "it is the same user");
  result(`userExists() is true, getUserId() is ${userId}`);

  step("The app resets the SDK");
  const { initState } = await phone.call("reset");
  check(!(await phone.call("userExists")), "the user is gone from the device");
  result(`reset() resolved with ${initState}; userExists() is false`);

  step("The same external id is restored, with a new code");
  const restored = await phone.call("createUser", { authCode: await authCode(platform, EXTERNAL_ID) });
  check(restored.userInfo.userId === userId, "the same external id is the same user");
  result(`createUser() resolved with the same user: ${restored.userInfo.userId}`);

  step("A second device creates the same user, and so deactivates the first");
  await phone.call("addSdkStatusUpdateListener");
  const laptop = await startDevice(platform, project, "desktop");
  const taken = await laptop.call("createUser", { authCode: await authCode(platform, EXTERNAL_ID) });
  check(taken.userInfo.userId === userId, "the second device has the same user");
  result(`laptop: createUser() resolved with user ${taken.userInfo.userId}`);
  const heard = await phone.hears("the first device's word of it", (status) => !status.isRemoteEnabled);
  result(`phone: its status listener heard isRemoteEnabled = ${heard.isRemoteEnabled}`);
  const refusal = await phone.call("requestUserAccessToken").catch((error) => error);
  check(refusal.reason === "USER_DISABLED_REMOTELY", "the first device gets no more tokens");
  result(`phone: requestUserAccessToken() is refused: ${refusal.message}`);
  check((await laptop.call("getSdkStatus")).isRemoteEnabled, "the second device is the active one");
  result("laptop: getSdkStatus() says isRemoteEnabled = true");

  console.log("\nThe main job is done: every step did what it should.");
  return platform;
}

/** Starts the app on a device of this class: a process and a storage file of its own. */
async function startDevice(platform, folder, deviceClass) {
  const storage = { file: join(await makeFolder(scope, deviceClass), "sentiance.json") };
  const initialize = { platformUrl: platform.url, storage, deviceInfo: { class: deviceClass } };
  return startNodeDevice(scope, { folder, initialize });
}

/** Keeps the platform up until the reader ends it. */
async function serve(platform) {
  isServing = true;
  console.log(`
The platform stays up at ${platform.url} until you press Ctrl-C.
  application  ${platform.appId}
  API key      ${platform.apiKey}

Ask it for an authentication code, as your backend would:

  curl -X POST ${platform.url}/users/auth-code \\
    -H 'Authorization: Bearer ${platform.apiKey}' \\
    -H 'Content-Type: application/json' \\
    -d '{"external_id":"${EXTERNAL_ID}"}'

and pass the code to createUser() in your app, with platformUrl: "${platform.url}".`);
  // Only a signal ends this wait.
  await new Promise(() => setInterval(() => {}, 2 ** 30));
}
