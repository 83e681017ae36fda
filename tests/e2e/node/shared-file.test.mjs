// Several Node processes that keep their user in one file: a daemon and its command line, or the workers of a cluster.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { Worker } from "node:worker_threads";
import { authCode, readOwnProfile } from "../support/backend.mjs";
import { warningCode } from "../support/eavesdrop.mjs";
import { installPackage, installedEntries } from "../support/consumer.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { makeFolder } from "../support/folder.mjs";
import { startLocalDevice } from "../support/local-device.mjs";
import { assertTokenWorks, assertUserIs, signIn } from "../support/main-job.mjs";
import { startNodeDevice } from "../support/node-device.mjs";
import { startPlatform } from "../support/platform.mjs";
import { startRecorder } from "../support/recorder.mjs";

const REFRESH = "/sdk/v1/token";
const CREATION = "/sdk/v1/users";
const PROCESSES = 5;

let platform;
let folder;

before(async () => {
  [platform, folder] = await Promise.all([startPlatform(fileScope), installPackage(fileScope)]);
});

/** A path for a user's file in a folder of its own. */
async function makePath(t) {
  return join(await makeFolder(t, "shared"), "user.json");
}

/** Starts that many processes on one file. */
function startProcesses(t, count, file, platformUrl) {
  const initialize = { platformUrl, storage: { file }, logger: null };
  return Promise.all(Array.from({ length: count }, () => startNodeDevice(t, { folder, initialize })));
}

/** No lock and no temporary file stays. A call may be settled before its lock is given back. */
async function assertNothingIsLeft(file) {
  const isLeft = (name) => name.endsWith(".lock") || name.endsWith(".tmp");
  await eventually("that no lock and no temporary file is left", async () => {
    return !(await readdir(join(file, ".."))).some(isLeft);
  });
}

test("processes with one file make one refresh at a time, and none is logged out", async (t) => {
  const shortLived = await startPlatform(t, { accessTokenLifetime: "2s" });
  const recorder = await startRecorder(t, shortLived);
  const file = await makePath(t);
  const [first] = await startProcesses(t, 1, file, recorder.url);
  const { userId } = await signIn(shortLived, first, "shared file");
  const devices = [first, ...(await startProcesses(t, PROCESSES - 1, file, recorder.url))];
  const tokens = new Set();
  const until = Date.now() + 9_000;
  await Promise.all(
    devices.map(async (device) => {
      while (Date.now() < until) {
        const { tokenId } = await device.call("requestUserAccessToken");
        tokens.add(tokenId);
        await new Promise((resolve) => setTimeout(resolve, 100 + 100 * Math.random()));
      }
      await assertUserIs(device, userId);
    }),
  );
  const refreshes = recorder.requests.filter(({ path }) => path === REFRESH);
  assert.ok(refreshes.length >= 3, "tokens expired");
  assert.deepEqual(
    refreshes.map(({ status }) => status).filter((status) => status !== 200),
    [],
  );
  assert.ok(refreshes.length <= tokens.size + 1, `${refreshes.length} refreshes for ${tokens.size} tokens`);
  await assertNothingIsLeft(file);
});

test("metadata that processes set on one file arrives, all of it", async (t) => {
  const file = await makePath(t);
  const [first] = await startProcesses(t, 1, file, platform.url);
  const { tokenId } = await signIn(platform, first, "shared metadata");
  const devices = [first, ...(await startProcesses(t, PROCESSES - 1, file, platform.url))];
  await Promise.all(
    devices.map(async (device, number) => {
      for (let n = 0; n < 8; n += 1) await device.call("addUserMetadataField", `p${number}-${n}`, "x");
      await device.call("submitDetections");
    }),
  );
  await eventually("that all is set", async () => {
    const { body } = await readOwnProfile(platform, tokenId);
    return Object.keys(body.metadata ?? {}).length === PROCESSES * 8;
  });
  await assertNothingIsLeft(file);
});

test("of processes that create a user at once one does, and the others say why not", async (t) => {
  const file = await makePath(t);
  const devices = await startProcesses(t, PROCESSES, file, platform.url);
  const codes = await Promise.all(devices.map((_, n) => authCode(platform, `at once ${n}`)));
  const outcomes = await Promise.allSettled(
    devices.map((device, n) => device.call("createUser", { authCode: codes[n] })),
  );
  const created = outcomes.filter(({ status }) => status === "fulfilled");
  assert.equal(created.length, 1, JSON.stringify(outcomes));
  for (const { reason } of outcomes.filter(({ status }) => status === "rejected")) {
    assert.match(reason.reason, /^USER_CREATION_IN_PROGRESS$|^USER_ALREADY_EXISTS$/);
  }
  const { userId } = created[0].value.userInfo;
  for (const device of devices) {
    await device.restart();
    await assertUserIs(device, userId);
  }
});

test("a process that is killed while it creates a user keeps no other from it", async (t) => {
  const recorder = await startRecorder(t, platform);
  recorder.answerInstead(CREATION, () => undefined);
  const file = await makePath(t);
  const [killed, other] = await startProcesses(t, 2, file, recorder.url);
  const code = await authCode(platform, "killed holder");
  killed.call("createUser", { authCode: code }).catch(() => undefined);
  await eventually("that it is under way", () => recorder.requests.length > 0);
  await assert.rejects(other.call("createUser", { authCode: code }), { reason: "USER_CREATION_IN_PROGRESS" });

  await killed.close();
  recorder.passOn(CREATION);
  const { userInfo } = await other.call("createUser", { authCode: code });
  await assertTokenWorks(platform, other, userInfo.userId);
  await assertNothingIsLeft(file);
});

test("processes that are killed at any moment of a write block nothing and leave nothing", async (t) => {
  const file = await makePath(t);
  const [survivor] = await startProcesses(t, 1, file, platform.url);
  const { userId } = await signIn(platform, survivor, "killed writers");
  for (let round = 0; round < 6; round += 1) {
    const [writer] = await startProcesses(t, 1, file, platform.url);
    const writes = Array.from({ length: 40 }, (_, n) => writer.call("addUserMetadataField", "w", `${n}`));
    writes.forEach((write) => write.catch(() => undefined));
    await writes[round];
    await writer.close();
    const started = Date.now();
    await survivor.call("addUserMetadataField", "survivor", `${round}`);
    assert.ok(Date.now() - started < 4_000, "the lock of the dead is broken at once");
  }
  await assertUserIs(survivor, userId);
  assert.ok(JSON.parse(await readFile(file, "utf8")).user);
  await assertNothingIsLeft(file);
});

test("a lock from another host, of no owner, or of the future does not last", async (t) => {
  const file = await makePath(t);
  const lock = `${file}.commit.lock`;
  const far = Date.now() + 3_600_000;
  for (const text of [
    `x 1 ${Date.now() + 1_000} another-host`,
    `x 1 ${far} another-host`,
    "x 1 NaN h",
    "x 1 1 h",
  ]) {
    await writeFile(lock, text);
    const device = await startLocalDevice(folder, { platformUrl: platform.url, storage: { file } });
    await signIn(platform, device, "foreign lock");
    await device.call("reset");
    assert.deepEqual(device.warnings.map(warningCode), [], text);
    assert.equal(existsSync(lock), false);
  }
});

test("threads share a file as processes do", async (t) => {
  const file = await makePath(t);
  const script = `
    const { parentPort, workerData } = require("node:worker_threads");
    const sdk = require(workerData.entry);
    (async () => {
      await sdk.initialize({ platformUrl: workerData.url, storage: { file: workerData.file }, logger: null });
      for (let n = 0; n < 8; n++) await sdk.addUserMetadataField(workerData.name + n, "x");
      parentPort.postMessage("done");
    })();`;
  const device = await startLocalDevice(folder, { platformUrl: platform.url, storage: { file } });
  await signIn(platform, device, "threads");
  const entry = join(installedEntries(folder), "index.cjs");
  const workers = ["a", "b", "c"].map((name) => {
    const workerData = { entry, url: platform.url, file, name };
    return new Worker(script, { eval: true, workerData });
  });
  t.after(() => Promise.all(workers.map((worker) => worker.terminate())));
  await Promise.all(
    workers.map((worker) => new Promise((done, fail) => worker.on("message", done).on("error", fail))),
  );
  const { entries } = JSON.parse(await readFile(`${file}.metadata`, "utf8"));
  assert.equal(entries.length, 24);
});

test("a file is written for its owner only, and a link in its place or beside it is not followed", async (t) => {
  const file = await makePath(t);
  const victim = join(file, "..", "victim");
  await writeFile(victim, "precious");
  for (const name of [`${file}.new`, `${file}.tmp`, file]) await symlink(victim, name);
  const device = await startLocalDevice(folder, { platformUrl: platform.url, storage: { file } });
  await signIn(platform, device, "links");
  assert.equal(await readFile(victim, "utf8"), "precious");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
});

test("where a file cannot be written, the user lives in memory, and one warning says so", async () => {
  const device = await startLocalDevice(folder, {
    platformUrl: platform.url,
    storage: { file: "/proc/sentiance/user.json" },
  });
  const { userId } = await signIn(platform, device, "no folder");
  await assertUserIs(device, userId);
  assert.deepEqual(device.warnings.map(warningCode), ["STORAGE_WRITE_FAILED"]);
});
