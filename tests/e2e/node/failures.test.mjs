// What an app sees when something is wrong: the code, the network, the order of its calls, or the clock.

import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { authCode, deleteUser, readOwnProfile } from "../support/backend.mjs";
import { installPackage } from "../support/consumer.mjs";
import { eventually } from "../support/deadline.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { makeFolder } from "../support/folder.mjs";
import { assertNoUser, assertTokenWorks, assertUserIs } from "../support/main-job.mjs";
import { startNodeDevice } from "../support/node-device.mjs";
import { startPlatform } from "../support/platform.mjs";
import { startRecorder } from "../support/recorder.mjs";

let platform;
let folder;

before(async () => {
  [platform, folder] = await Promise.all([startPlatform(fileScope), installPackage(fileScope)]);
});

/** Starts a device with an empty storage file, whose platform is at `platformUrl`. */
async function startDevice(t, platformUrl = platform.url) {
  const storage = { file: join(await makeFolder(t, "device"), "sentiance.json") };
  return startNodeDevice(t, { folder, initialize: { platformUrl, storage } });
}

test("a code that the platform does not accept is a server error with a reason that helps", async (t) => {
  const device = await startDevice(t);
  const used = await authCode(platform, "used code");
  await device.call("createUser", { authCode: used });
  await device.call("reset");

  for (const code of ["f".repeat(128), used]) {
    await assert.rejects(device.call("createUser", { authCode: code }), (error) => {
      assert.equal(error.code, "E_SDK_CREATE_USER_ERROR");
      assert.equal(error.reason, "SERVER_ERROR");
      assert.match(error.message, /^Reason: SERVER_ERROR - .*AUTHENTICATION_CODE_INVALID/);
      assert.equal(error.retryable, false);
      assert.ok(error.isError && error.isSentianceError && error.isInstance);
      assert.ok(!error.text.includes(code), "the code is a secret");
      return true;
    });
    await assertNoUser(device);
  }
});

test("where the platform cannot be reached, creation is a network error and can be tried again", async (t) => {
  const ownPlatform = await startPlatform(t);
  const device = await startDevice(t, ownPlatform.url);
  const code = await authCode(ownPlatform, "unreachable");
  await ownPlatform.stop();
  await assert.rejects(device.call("createUser", { authCode: code }), {
    code: "E_SDK_CREATE_USER_ERROR",
    reason: "NETWORK_ERROR",
    retryable: true,
  });
  await assertNoUser(device);

  await ownPlatform.start();
  const { userInfo } = await device.call("createUser", { authCode: code });
  await assertUserIs(device, userInfo.userId);
});

test("a lost answer to a creation costs nothing: the same user comes with the next try", async (t) => {
  const recorder = await startRecorder(t, platform);
  const device = await startDevice(t, recorder.url);
  const code = await authCode(platform, "lost answer");
  recorder.loseNextAnswerOf("/sdk/v1/users");
  // Whether the SDK itself tries again or leaves that to the app, the code must still be good.
  const { userInfo } = await device
    .call("createUser", { authCode: code })
    .catch(() => device.call("createUser", { authCode: code }));
  await assertUserIs(device, userInfo.userId);
  await assertTokenWorks(platform, device, userInfo.userId);
  const answers = recorder.requests.filter(({ path }) => path === "/sdk/v1/users");
  assert.equal(answers[0].status, 0, "the first answer was lost");
});

test("an API key passed as a code is refused before anything is sent", async (t) => {
  const recorder = await startRecorder(t, platform);
  const device = await startDevice(t, recorder.url);
  const header = `Bearer ${platform.apiKey}`;
  for (const argument of [platform.apiKey, { authCode: platform.apiKey }, header, { authCode: header }]) {
    await assert.rejects(device.call("createUser", argument), (error) => {
      assert.match(error.message, /API key/);
      assert.ok(error.isSentianceError);
      assert.ok(!error.text.includes(platform.apiKey), "the key is a secret");
      return true;
    });
  }
  assert.deepEqual(recorder.requests, []);
});

test("options without a code are refused with the text of what is missing", async (t) => {
  const device = await startDevice(t);
  await assert.rejects(device.call("createUser", {}), {
    code: "E_SDK_MISSING_PARAMS",
    isSentianceError: true,
  });
  await assert.rejects(device.call("createUser"), { name: "TypeError" });
});

test("an access token that has expired is refreshed, and the new one works", async (t) => {
  const shortLived = await startPlatform(t, { accessTokenLifetime: "2s" });
  const device = await startDevice(t, shortLived.url);
  const { userInfo } = await device.call("createUser", { authCode: await authCode(shortLived, "expiry") });
  // The old token stops working by the platform's own clock; then the SDK must have another.
  await eventually("that the token expires", async () => {
    const { status } = await readOwnProfile(shortLived, userInfo.tokenId);
    return status === 401;
  });
  const { tokenId } = await device.call("requestUserAccessToken");
  assert.notEqual(tokenId, userInfo.tokenId);
  await assertTokenWorks(shortLived, device, userInfo.userId);

  await device.restart();
  await assertTokenWorks(shortLived, device, userInfo.userId);
});

test("a user that the platform disabled stays on the device, without a token", async (t) => {
  const device = await startDevice(t);
  const { userInfo } = await device.call("createUser", { authCode: await authCode(platform, "disabled") });
  await device.call("addSdkStatusUpdateListener");
  await platform.command("user", "disable", "--app", platform.appId, userInfo.userId);
  await device.hears("that the user was disabled", (status) => status.isRemoteEnabled === false);
  assert.equal(await device.call("getUserId"), userInfo.userId);
  await assert.rejects(device.call("requestUserAccessToken"), {
    code: "E_SDK_GET_TOKEN_ERROR",
    reason: "USER_DISABLED_REMOTELY",
  });

  await platform.command("user", "enable", "--app", platform.appId, userInfo.userId);
  await device.hears("that the user was enabled", (status) => status.isRemoteEnabled);
  await assertTokenWorks(platform, device, userInfo.userId);
});

test("a user that was deleted on the platform has ended here too; after a reset, its code makes a new one", async (t) => {
  const device = await startDevice(t);
  const { userInfo } = await device.call("createUser", { authCode: await authCode(platform, "deleted") });
  await device.call("addSdkStatusUpdateListener");
  assert.equal((await deleteUser(platform, userInfo.userId)).status, 200);
  await device.hears("that the user is over", (status) => status.isRemoteEnabled === false);
  await assert.rejects(device.call("requestUserAccessToken"), (error) => {
    assert.equal(error.code, "E_SDK_GET_TOKEN_ERROR");
    assert.match(error.details, /deleted/);
    return true;
  });

  await device.call("reset");
  const next = await device.call("createUser", { authCode: await authCode(platform, "deleted") });
  assert.notEqual(next.userInfo.userId, userInfo.userId);
  await assertUserIs(device, next.userInfo.userId);
});
