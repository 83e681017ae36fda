// A page and its frames have built-ins of their own each: what comes from a frame works like the page's own.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode, readOwnProfile } from "../support/backend.mjs";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { openPageDevice } from "../support/chromium.mjs";
import { fileScope } from "../support/file-scope.mjs";

let platform;
let pages;
let browser;

before(async () => {
  ({ platform, pages, browser } = await startBrowserStage(fileScope));
});

test("objects, arrays, functions and promises of a frame work", async (t) => {
  const device = await openPageDevice(t, browser, pages.address(platform));
  const code = await authCode(platform, "frame");
  const seen = await device.evaluate(async (authCode) => {
    const frame = document.createElement("iframe");
    document.body.append(frame);
    const inFrame = frame.contentWindow;
    const { sdk } = window;
    // Made by the frame's own constructors: the page's policy forbids `eval`.
    const make = (entries) => Object.assign(new inFrame.Object(), entries);
    const heard = new inFrame.Array();
    await sdk.initialize(make({ timeouts: make({ requestMs: 5_000 }), fetch: inFrame.fetch.bind(window) }));
    await sdk.addSdkStatusUpdateListener(inFrame.Array.prototype.push.bind(heard));
    await sdk.createUser(make({ authCode }));
    await sdk.addUserMetadataFields(make({ tier: "gold" }));
    await sdk.addUserMetadataFields(new inFrame.RegExp("(?<year>[0-9]+)").exec("2026").groups);
    await sdk.setTransmittableDataTypes(inFrame.Array.of("SDK_INFO", "GENERAL_DETECTIONS"));
    const refusals = {};
    for (const name of [
      "Map",
      "Set",
      "WeakMap",
      "URLSearchParams",
      "Headers",
      "FormData",
      "Date",
      "Uint8Array",
    ]) {
      refusals[name] = await sdk.addUserMetadataFields(new inFrame[name]()).catch(({ message }) => message);
    }
    await sdk.submitDetections();
    return {
      heard: heard.map(({ userExists }) => userExists),
      refusals,
      types: await sdk.getTransmittableDataTypes(),
    };
  }, code);
  assert.deepEqual(seen.heard, [true]);
  assert.deepEqual(seen.types, ["SDK_INFO", "GENERAL_DETECTIONS"]);
  for (const [name, message] of Object.entries(seen.refusals)) {
    assert.match(message, new RegExp(`\\[object ${name}\\]`));
  }
  const { tokenId } = await device.call("requestUserAccessToken");
  const { body } = await readOwnProfile(platform, tokenId);
  assert.deepEqual(body.metadata, { tier: "gold", year: "2026" });
  device.assertQuiet();
});
