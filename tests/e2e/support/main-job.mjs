// The main job, from the first start of an app to a restored user. Every runtime runs this same scenario.

import assert from "node:assert/strict";
import { authCode, readOwnProfile } from "./backend.mjs";
import { eventually } from "./deadline.mjs";

const USER_ID = /^[0-9a-f]{24}$/;

/** Performs the main job on a fresh device, and checks every step. */
export async function performMainJob(platform, device, externalId) {
  await device.call("ensureInitialized");
  assert.equal(await device.call("getInitState"), "INITIALIZED");
  assert.equal(await device.call("userExists"), false);
  assert.equal(await device.call("getUserId"), null);
  assert.equal((await device.call("getSdkStatus")).userExists, false);

  const created = await signIn(platform, device, externalId);
  const { userId } = created;
  assert.match(userId, USER_ID);
  assert.equal(created.isTokenExpired, false);
  assert.ok(Date.parse(created.tokenExpiryDate) > Date.now(), "the token's end lies ahead");
  await assertUserIs(device, userId);
  await assertTokenWorks(platform, device, userId);

  await device.restart();
  await assertUserIs(device, userId);
  await assertTokenWorks(platform, device, userId);
  await assert.rejects(device.call("createUser", { authCode: await authCode(platform, externalId) }), {
    code: "E_SDK_CREATE_USER_ERROR",
    reason: "USER_ALREADY_EXISTS",
  });
  await assertUserIs(device, userId);

  assert.deepEqual(await device.call("reset"), { initState: "INITIALIZED" });
  await assertNoUser(device);
  await device.restart();
  await assertNoUser(device);

  const restored = await signIn(platform, device, externalId);
  assert.equal(restored.userId, userId, "the same external id is the same user");
  await device.restart();
  await assertUserIs(device, userId);
  await assertTokenWorks(platform, device, userId);
}

/** Creates or restores the user of that external id on the device, and returns what `createUser` tells of it. */
export async function signIn(platform, device, externalId) {
  const { userInfo } = await device.call("createUser", { authCode: await authCode(platform, externalId) });
  return userInfo;
}

/** Waits until the platform does not take this token any more. */
export function untilTokenDies(platform, tokenId) {
  return eventually("that the token is dead", async () => {
    const { status } = await readOwnProfile(platform, tokenId);
    return status === 401;
  });
}

/** Checks that the device has this user, and that it is the active one. */
export async function assertUserIs(device, userId) {
  assert.equal(await device.call("userExists"), true);
  assert.equal(await device.call("isUserLinked"), true);
  assert.equal(await device.call("getUserId"), userId);
  const status = await device.call("getSdkStatus");
  assert.equal(status.userExists, true);
  assert.equal(status.isRemoteEnabled, true);
}

/** Checks that the device has no user. */
export async function assertNoUser(device) {
  assert.equal(await device.call("userExists"), false);
  assert.equal(await device.call("isUserLinked"), false);
  assert.equal(await device.call("getUserId"), null);
  assert.equal((await device.call("getSdkStatus")).userExists, false);
  await assert.rejects(device.call("requestUserAccessToken"), {
    code: "E_SDK_GET_TOKEN_ERROR",
    reason: "NO_USER",
  });
}

/** Checks that the token that the SDK hands out lets the app read this user from the platform. */
export async function assertTokenWorks(platform, device, userId) {
  const { tokenId } = await device.call("requestUserAccessToken");
  const { status, body } = await readOwnProfile(platform, tokenId);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.id, userId);
}
