// What an app sees when the core's own code breaks, at the worst moments, on the real platform. Node and Chromium run this,
// each with each of the two cores.
//
// A host has `platform`, and `openDevice(t, platformUrl)`. Its devices have the function `breakCore` of the build for
// fault tests, and `breakOnAnswerOf(path)`: when the next answer for that path is there, the core breaks before it sees
// it. `ways` are those of its core.

import assert from "node:assert/strict";
import { authCode } from "./backend.mjs";
import { eventually } from "./deadline.mjs";
import { assertTokenWorks, assertUserIs, signIn, untilTokenDies } from "./main-job.mjs";
import { startPlatform } from "./platform.mjs";
import { startRecorder } from "./recorder.mjs";

const CREATION = "/sdk/v1/users";
const REFRESH = "/sdk/v1/token";
const TIMES = 10;

const broken = { reason: "UNEXPECTED_ERROR", retryable: true };

async function open(t, host, platform = host.platform) {
  const recorder = await startRecorder(t, platform);
  const device = await host.openDevice(t, recorder.url);
  const statusesOf = (path) =>
    recorder.requests.filter((request) => request.path === path).map(({ status }) => status);
  return { device, statusesOf };
}

/**
 * The ways in which each core can be broken. The JavaScript core's memory is copied whenever it grows: to exhaust it
 * takes too long for a test.
 */
export const WAYS = {
  WebAssembly: ["panic", "swallowed panic", "stack", "memory"],
  JavaScript: ["panic", "swallowed panic", "stack"],
};

/** Every test, as `{ title, run(t, host) }`. */
export const FAULTS = [
  {
    title:
      "the core breaks between the platform's creation and its commit: the same code brings the same user",
    async run(t, host) {
      const { device, statusesOf } = await open(t, host);
      const code = await authCode(host.platform, `broken creation ${t.name}`);
      await device.breakOnAnswerOf(CREATION);
      await assert.rejects(device.call("createUser", { authCode: code }), broken);
      assert.equal(await device.call("userExists"), false);

      const { userInfo } = await device.call("createUser", { authCode: code });
      assert.deepEqual(statusesOf(CREATION), [201, 201], "the platform answered, and answered again");
      await assertUserIs(device, userInfo.userId);
      await assertTokenWorks(host.platform, device, userInfo.userId);
    },
  },
  {
    title: "the core breaks between the platform's refresh and its commit: the next call repeats it",
    async run(t, host) {
      const shortLived = await startPlatform(t, { accessTokenLifetime: "2s" });
      const { device, statusesOf } = await open(t, host, shortLived);
      const { userId, tokenId } = await signIn(shortLived, device, "broken refresh");
      await untilTokenDies(shortLived, tokenId);
      await device.breakOnAnswerOf(REFRESH);
      await assert.rejects(
        // The device's estimate of the platform's time may be behind by what an answer took.
        eventually("that the core breaks", () => device.call("requestUserAccessToken").then(() => false)),
        broken,
      );
      await assertUserIs(device, userId);
      await assertTokenWorks(shortLived, device, userId);
      assert.deepEqual(statusesOf(REFRESH).slice(0, 2), [200, 200]);
    },
  },
  {
    title: `the core breaks ${TIMES} times in a row: each time the next call finds the user, and listeners stay`,
    async run(t, host) {
      const { device } = await open(t, host);
      await device.call("addSdkStatusUpdateListener");
      const { userId } = await signIn(host.platform, device, "broken again and again");
      await device.hears("that there is a user", (status) => status.userExists);
      for (let time = 0; time < TIMES; time += 1) {
        await assert.rejects(device.call("breakCore", host.ways[time] ?? "panic"), broken);
        await assertUserIs(device, userId);
      }
      await assertTokenWorks(host.platform, device, userId);
      await device.call("reset");
      await device.hears("that the user is gone", (status) => !status.userExists);
      assert.equal((await signIn(host.platform, device, "broken again and again")).userId, userId);
    },
  },
];
