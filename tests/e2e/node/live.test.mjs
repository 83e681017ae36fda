// A device learns at once what was decided elsewhere: over one stream of the platform's events, in Node.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { authCode, deleteUser } from "../support/backend.mjs";
import { installFaultyPackage, installPackage } from "../support/consumer.mjs";
import { eventually, within } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startLocalDevice } from "../support/local-device.mjs";
import { assertTokenWorks } from "../support/main-job.mjs";
import { startPlatform } from "../support/platform.mjs";
import { startRecorder } from "../support/recorder.mjs";

const EVENTS = "/sdk/v1/events";
const CONFIG = "/sdk/v1/config";
/** Far longer than any test lasts: whoever hears of something sooner did not ask for it. */
const NEVER_POLLS = { statusPollSeconds: 3_600 };
const STREAM = { "content-type": "text/event-stream" };

let platform;
let folder;

before(async () => {
  [platform, folder] = await Promise.all([startPlatform(fileScope, NEVER_POLLS), installPackage(fileScope)]);
});

/** Starts a device with a listener, whose requests pass through a recorder. */
async function startListener(t, { ownPlatform = platform, ...options } = {}) {
  const recorder = await startRecorder(t, ownPlatform);
  const device = await startLocalDevice(folder, { platformUrl: recorder.url, storage: "memory", ...options });
  await device.call("addSdkStatusUpdateListener");
  return { recorder, device, streams: () => recorder.requests.filter(({ path }) => path === EVENTS) };
}

/** Creates or restores the user on this device, and waits until the device follows. */
async function createFollowedUser({ device, streams }, externalId, ownPlatform = platform) {
  const code = await authCode(ownPlatform, externalId);
  const { userInfo } = await device.call("createUser", { authCode: code });
  await eventually("that the device follows", () =>
    streams().some(({ status, isOpen }) => status === 200 && isOpen),
  );
  device.statuses = [];
  return userInfo;
}

const isEnabled = ({ isRemoteEnabled }) => isRemoteEnabled;
const isDisabled = ({ isRemoteEnabled }) => !isRemoteEnabled;

/** What a call says that needs a user who can act. */
async function assertRefused(device, details) {
  await assert.rejects(device.call("requestUserAccessToken"), (error) => {
    assert.equal(error.reason, "USER_DISABLED_REMOTELY");
    assert.match(error.details, details);
    return true;
  });
}

test("a device hears that its user was disabled, and enabled again, by the command line", async (t) => {
  const setting = await startListener(t);
  const { device } = setting;
  const { userId } = await createFollowedUser(setting, "disabled and enabled");

  await platform.command("user", "disable", "--app", platform.appId, userId);
  await device.hears("that the user was disabled", isDisabled);
  await assertRefused(device, /disabled on the platform\.$/);

  await platform.command("user", "enable", "--app", platform.appId, userId);
  await device.hears("that the user was enabled", isEnabled);
  await assertTokenWorks(platform, device, userId);
  await device.call("reset");
});

test("a device hears that another one took over, and takes over again", async (t) => {
  const [one, two] = [await startListener(t), await startListener(t)];
  const { userId } = await createFollowedUser(one, "two devices");
  await createFollowedUser(two, "two devices");
  await one.device.hears("that the other took over", isDisabled);
  await assertRefused(one.device, /^Another device/);

  await one.device.call("reset");
  await createFollowedUser(one, "two devices");
  await two.device.hears("that the first took over again", isDisabled);
  await assertTokenWorks(platform, one.device, userId);
  for (const { device } of [one, two]) await device.call("reset");
});

test("a device hears that its user was deleted, and asks nothing any more", async (t) => {
  const setting = await startListener(t);
  const { userId } = await createFollowedUser(setting, "deleted");
  assert.equal((await deleteUser(platform, userId)).status, 200);
  await setting.device.hears("that the user was deleted", isDisabled);
  await assertRefused(setting.device, /was deleted/);
  assert.equal(await setting.device.call("getUserId"), userId, "only a reset removes it from the device");
  await eventually("that the stream is closed", () => setting.streams().every(({ isOpen }) => !isOpen));
});

test("without a user the SDK sends nothing at all", async (t) => {
  const { device, recorder } = await startListener(t);
  await device.call("getSdkStatus");
  await device.call("reset");
  await device.call("enableDetections").catch(() => {});
  await device.call("addUserMetadataField", "waits", "for a user");
  assert.deepEqual(recorder.requests, []);
});

test("after a reset nobody is followed", async (t) => {
  const setting = await startListener(t);
  await createFollowedUser(setting, "reset");
  await setting.device.call("reset");
  await eventually("that the stream is closed", () => setting.streams().every(({ isOpen }) => !isOpen));
  assert.equal(setting.streams().length, 1);
});

test("what happened while the platform was away is heard once it is back", async (t) => {
  const ownPlatform = await startPlatform(t, NEVER_POLLS);
  const setting = await startListener(t, { ownPlatform });
  const { userId } = await createFollowedUser(setting, "away", ownPlatform);
  await ownPlatform.kill();
  await eventually("that it is tried again", () => setting.streams().length > 1);
  await ownPlatform.command("user", "disable", "--app", ownPlatform.appId, userId);
  await ownPlatform.start();
  await setting.device.hears("that the user was disabled", isDisabled);
});

test("a platform without events is asked at intervals", async (t) => {
  const ownPlatform = await startPlatform(t, { statusPollSeconds: 1 });
  const setting = await startListener(t, { ownPlatform });
  setting.recorder.answerInstead(EVENTS, (response) => {
    response.writeHead(404, { "content-type": "application/json" });
    response.end(JSON.stringify({ message: "no", errorCode: "NOT_FOUND", ref: "r" }));
  });
  const code = await authCode(ownPlatform, "old platform");
  const { userInfo } = await setting.device.call("createUser", { authCode: code });
  await ownPlatform.command("user", "disable", "--app", ownPlatform.appId, userInfo.userId);
  await setting.device.hears("that the user was disabled", isDisabled);
  assert.equal(setting.streams().length, 1, "it does not insist");
});

test("while it follows, it does not ask", async (t) => {
  const ownPlatform = await startPlatform(t, { statusPollSeconds: 1 });
  const setting = await startListener(t, { ownPlatform });
  const { userId } = await createFollowedUser(setting, "no polling", ownPlatform);
  const before = setting.recorder.requests.filter(({ path }) => path === CONFIG).length;
  // Several intervals.
  for (let round = 0; round < 3; round += 1) {
    for (const [command, isExpected] of [
      ["disable", isDisabled],
      ["enable", isEnabled],
    ]) {
      await ownPlatform.command("user", command, "--app", ownPlatform.appId, userId);
      await setting.device.hears(`the ${command} of round ${round}`, isExpected);
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  const after = setting.recorder.requests.filter(({ path }) => path === CONFIG).length;
  assert.equal(after, before);
});

test("a stream that stays silent is given up, and another one is tried", async (t) => {
  const setting = await startListener(t, { timeouts: { requestMs: 500 } });
  setting.recorder.answerInstead(
    EVENTS,
    (response) => {
      response.writeHead(200, STREAM);
      response.write(": nothing to say\n\n");
    },
    1,
  );
  await createFollowedUser(setting, "silent");
  const [silent, another] = setting.streams();
  assert.equal(silent.isOpen, false);
  assert.equal(another.isOpen, true);
});

test("words are understood however they are cut into pieces", async (t) => {
  const setting = await startListener(t);
  const word = JSON.stringify({ message: "gelöscht – 消された", errorCode: "USER_DELETED", ref: "r" });
  const bytes = Buffer.from(`: alive\r\n\r\nevent: deleted\r\ndata: ${word}\r\n\r\n`);
  setting.recorder.answerInstead(EVENTS, async (response) => {
    response.writeHead(200, STREAM);
    for (const byte of bytes) {
      await new Promise((resolve) => response.write(Buffer.of(byte), resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  const code = await authCode(platform, "in pieces");
  await setting.device.call("createUser", { authCode: code });
  await setting.device.hears("that the user was deleted", isDisabled);
  await assertRefused(setting.device, /was deleted/);
});

test("nothing but the platform's own words ends a session", async (t) => {
  const setting = await startListener(t);
  const error = (errorCode) => `data: ${JSON.stringify({ message: "m", errorCode, ref: "r" })}\n\n`;
  const answers = [
    (response) => response.writeHead(401).end(),
    (response) => response.writeHead(200, { "content-type": "text/html" }).end("<h1>Sign in</h1>"),
    (response) => response.writeHead(401).end(error("USER_DELETED").slice(6)),
    (response) =>
      response
        .writeHead(200, STREAM)
        .end(`data: <h1>\n\ndata: null\n\n${error("TOKEN_INVALID")}data: {}\n\n`),
    // A line without an end: the SDK hangs up.
    (response) => {
      response.writeHead(200, STREAM);
      response.write(`data: ${"x".repeat(100_000)}`);
    },
  ];
  for (const [at, answer] of answers.entries()) {
    setting.recorder.answerInstead(EVENTS, answer);
    const code = await authCode(platform, `word ${at}`);
    const { userInfo } = await setting.device.call("createUser", { authCode: code });
    await eventually("that the answer came", () => {
      const sent = setting.streams();
      return sent.length > 0 && sent.every(({ isOpen }) => !isOpen);
    });
    await assertTokenWorks(platform, setting.device, userInfo.userId);
    assert.ok(isEnabled(await setting.device.call("getSdkStatus")), `answer ${at}`);
    await setting.device.call("reset");
    setting.recorder.requests.length = 0;
  }
});

test("an app's own fetch is asked for the stream, while a listener is attached", async () => {
  const asked = [];
  const ownFetch = (url, options) => {
    asked.push(new URL(url).pathname);
    return fetch(url, options);
  };
  const device = await startLocalDevice(folder, {
    platformUrl: platform.url,
    storage: "memory",
    fetch: ownFetch,
  });
  const code = await authCode(platform, "own fetch");
  const { userInfo } = await device.call("createUser", { authCode: code });
  await device.call("getSdkStatus");
  assert.ok(!asked.includes(EVENTS), "the process might not end because of it");
  await device.call("addSdkStatusUpdateListener");
  await eventually("that it follows", () => asked.includes(EVENTS));
  await platform.command("user", "disable", "--app", platform.appId, userInfo.userId);
  await device.hears("that the user was disabled", isDisabled);
  await device.call("reset");
});

test("a script that creates a user, and listens, ends when it has nothing more to do", async (t) => {
  const recorder = await startRecorder(t, platform);
  await writeFile(
    join(folder, "script.mjs"),
    `import { addSdkStatusUpdateListener, createUser } from "@sentiance-react-native/core";
     await addSdkStatusUpdateListener(() => {});
     await createUser({ authCode: process.argv[2], platformUrl: process.argv[3] });
     // Other work, until the stream is open.
     await new Promise((resolve) => process.on("message", resolve));
     process.disconnect();`,
  );
  const code = await authCode(platform, "script");
  const child = spawn(process.execPath, [join(folder, "script.mjs"), code, recorder.url], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  t.after(() => child.kill("SIGKILL"));
  const ended = once(child, "exit");
  await eventually("that it follows", () =>
    recorder.requests.some(({ path, status, isOpen }) => path === EVENTS && status === 200 && isOpen),
  );
  child.send("go on");
  const [exitCode] = await within("the script's end", ended);
  assert.equal(exitCode, 0);
});

test("the stream of a core that broke is closed, and the next one follows", async (t) => {
  const faulty = await installFaultyPackage(t);
  const recorder = await startRecorder(t, platform);
  const options = { platformUrl: recorder.url, storage: { file: join(faulty, "sentiance.json") } };
  const device = await startLocalDevice(faulty, options);
  await device.call("addSdkStatusUpdateListener");
  const code = await authCode(platform, "broken");
  const { userInfo } = await device.call("createUser", { authCode: code });
  const open = () => recorder.requests.filter(({ path, isOpen }) => path === EVENTS && isOpen);
  await eventually("that it follows", () => open().length === 1);
  const [first] = open();

  await assert.rejects(device.call("breakCore"), { reason: "UNEXPECTED_ERROR" });
  await eventually("that the stream is closed", () => !first.isOpen);
  assert.equal(await device.call("getUserId"), userInfo.userId);
  await eventually("that the next core follows", () => open().length === 1);
  device.statuses = [];
  await platform.command("user", "disable", "--app", platform.appId, userInfo.userId);
  await device.hears("that the user was disabled", isDisabled);
  await device.call("reset");
});
