// The two classes of errors, as applications meet them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ENGINES, importFresh, offlineOptions, requireEntry } from "./support/entries.mjs";

const API_KEY = `stk_${"0".repeat(40)}`;

for (const { engine, file } of ENGINES) {
  test(`${engine}: a rejection of the core is a SentianceError with all its fields`, async () => {
    const sentiance = await importFresh(file);
    await sentiance.initialize(offlineOptions());
    const error = await sentiance.requestUserAccessToken().catch((reason) => reason);
    assert.ok(error instanceof Error && error instanceof sentiance.SentianceError);
    assert.equal(error.name, "SentianceError");
    assert.equal(error.code, "E_SDK_GET_TOKEN_ERROR");
    assert.equal(error.reason, "NO_USER");
    assert.equal(error.message, `Reason: NO_USER - ${error.details}`);
    assert.equal(error.retryable, false);
    assert.equal(typeof error.stack, "string");
  });

  test(`${engine}: an initialization that fails is told by its own class`, async () => {
    const sentiance = await importFresh(file);
    const error = await sentiance.initialize({ platformUrl: "ftp://localhost" }).catch((reason) => reason);
    assert.ok(error instanceof sentiance.SdkInitializationError, String(error));
    assert.equal(error.name, "SdkInitializationError");
    assert.equal(typeof error.reason, "string");
    assert.equal(sentiance.isSentianceError(error), false);
  });
}

test("a missing argument prints as the plain text that the original rejects with", async () => {
  const sentiance = await importFresh("index");
  const error = await sentiance.createUser({}).catch((reason) => reason);
  assert.match(`${error}`, /^Invalid user creation options/);
  const other = await sentiance.requestUserAccessToken().catch((reason) => reason);
  assert.match(`${other}`, /^SentianceError: Reason: NO_USER - /);
});

test("isSentianceError knows the errors of another copy of the package, and tells codes apart", async () => {
  const esModule = await importFresh("index");
  const commonJs = requireEntry("index");
  await esModule.initialize(offlineOptions());
  const error = await esModule.createUser(API_KEY).catch((reason) => reason);
  assert.ok(!(error instanceof commonJs.SentianceError));
  assert.ok(commonJs.isSentianceError(error));
  assert.ok(commonJs.isSentianceError(error, "E_SDK_MISSING_PARAMS"));
  assert.ok(!commonJs.isSentianceError(error, "E_SDK_RESET_ERROR"));
  for (const other of [new Error("other"), { code: "E_SDK_MISSING_PARAMS" }, "text", null, undefined]) {
    assert.ok(!commonJs.isSentianceError(other));
  }
});

test("no error repeats the credential that it is about", async () => {
  const sentiance = await importFresh("index");
  await sentiance.initialize(offlineOptions());
  const error = await sentiance.createUser(API_KEY).catch((reason) => reason);
  assert.ok(!JSON.stringify([error, error.message, error.stack]).includes(API_KEY));
});

test("applications can make a SdkInitializationError of their own", () => {
  const { SdkInitializationError } = requireEntry("index");
  const error = new SdkInitializationError("UNKNOWN", "It did not start.");
  assert.ok(error instanceof Error);
  assert.deepEqual(
    [error.reason, error.message, error.name],
    ["UNKNOWN", "It did not start.", "SdkInitializationError"],
  );
});
