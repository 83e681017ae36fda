// What the table says of an outcome, held against what came of a call. One of these keys says how the call ends:
//
// - `value`: it resolves with this; a text that begins with `$` stands for any value of a kind
// - `reason`: it rejects with this reason, and with the function's own code, or with `code`
// - `guard`: it rejects since the SDK is not initialized
// - `missing`, `invalid`: it rejects for an argument that is missing or of no use; the text is in the message
// - `initError`: it rejects with a `SdkInitializationError` of this reason
// - `typeError`: it rejects with a `TypeError`
//
// What holds afterwards: `nobody` (there is no user), `unlinked` (there is one, unlinked), `metadata` and `trip` (the
// platform has them), and `then`, a list of further calls with their outcomes and of what the listener has heard by now,
// call by call. `changes` says that the state is another one then.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../e2e/support/artifacts.mjs";
import names from "../../package/api-names.json" with { type: "json" };

const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

/** No error may repeat an argument as long as this: it may be a secret. */
const SECRET_LENGTH = 40;

const QUOTA_STATUSES = ["OK", "WARNING", "EXCEEDED"];
const FLAG = (value) => typeof value === "boolean";
const oneOf =
  (...values) =>
  (value) =>
    values.includes(value);

/** The fields of `SdkStatus` that are always there. */
const STATUS_FIELDS = {
  startStatus: oneOf("NOT_STARTED", "STARTED", "EXPIRED"),
  detectionStatus: oneOf("DISABLED", "EXPIRED", "ENABLED_BUT_BLOCKED", "ENABLED_AND_DETECTING"),
  canDetect: FLAG,
  isRemoteEnabled: FLAG,
  isAccelPresent: FLAG,
  isGyroPresent: FLAG,
  isGpsPresent: FLAG,
  wifiQuotaStatus: oneOf(...QUOTA_STATUSES),
  mobileQuotaStatus: oneOf(...QUOTA_STATUSES),
  diskQuotaStatus: oneOf(...QUOTA_STATUSES),
  locationPermission: oneOf("ALWAYS", "ONLY_WHILE_IN_USE", "NEVER"),
  userExists: FLAG,
  isPreciseLocationAuthorizationGranted: FLAG,
  backgroundRefreshStatus: oneOf("AVAILABLE", "DENIED", "RESTRICTED"),
  canMonitorGeofences: FLAG,
};

/** The kinds of values that differ from call to call. */
const KINDS = {
  $nothing: (value) => value === undefined,
  $subscription: (value) => value?.$ === "subscription",
  $userId: matches(/^[0-9a-f]{24}$/),
  $token: matches(/^sat_\w{20,}$/),
  $date: matches(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  $time: (value) => Number.isInteger(value) && value > Date.now(),
  $decimal: matches(/^\d+$/),
  $version: (value) => value === version,
  $userInfo: (value) =>
    KINDS.$userId(value.userId) &&
    KINDS.$token(value.tokenId) &&
    KINDS.$date(value.tokenExpiryDate) &&
    Date.parse(value.tokenExpiryDate) === value.tokenExpiryEpochTimeMs &&
    value.isTokenExpired === false,
  $capabilities: (value) =>
    names.functions.every((name) => ["full", "partial", "none"].includes(value[name]?.support)),
};

function matches(pattern) {
  return (value) => typeof value === "string" && pattern.test(value);
}

/**
 * Checks what came of a call.
 *
 * @param outcome - `{value}` or `{error}`, as the agent on the device describes it.
 * @param expected - The table's word.
 * @param code - The function's own error code.
 * @param args - What the call was given.
 */
export function assertOutcome(outcome, expected, code, args) {
  if ("value" in expected) {
    assert.equal(outcome.error, undefined, `rejected: ${outcome.error?.text}`);
    assertValue(outcome.value, expected.value);
  } else {
    assert.ok(outcome.error, `resolved with ${JSON.stringify(outcome.value)}`);
    assertError(outcome.error, expectedError(expected, code));
    assertNoSecret(outcome.error, args);
    if (expected.message) assert.match(outcome.error.message, new RegExp(expected.message));
    if (expected.retryable) assert.equal(outcome.error.retryable, true, "retryable");
  }
}

/** Checks a value against the table's word of it. */
export function assertValue(value, expected) {
  if (typeof expected === "string" && expected.startsWith("$")) {
    assert.ok(KINDS[expected](value), `${JSON.stringify(value)} is not ${expected}`);
  } else if (expected?.$ === "status") {
    assertStatus(value, expected);
  } else if (Array.isArray(expected)) {
    assert.equal(value.length, expected.length, JSON.stringify(value));
    for (const [at, item] of expected.entries()) assertValue(value[at], item);
  } else if (typeof expected === "object" && expected !== null) {
    assert.deepEqual(Object.keys(value).sort(), Object.keys(expected).sort());
    for (const key of Object.keys(expected)) assertValue(value[key], expected[key]);
  } else {
    assert.equal(value, expected);
  }
}

function assertStatus(status, { $: kind, ...expected }) {
  for (const [field, isValid] of Object.entries(STATUS_FIELDS)) {
    assert.ok(isValid(status[field]), `${kind}.${field} is ${JSON.stringify(status[field])}`);
  }
  const said = Object.keys(expected).map((field) => [field, status[field]]);
  assert.deepEqual(Object.fromEntries(said), expected);
}

function expectedError(expected, code) {
  if (expected.typeError) return { name: "TypeError" };
  if (expected.initError) {
    return { name: "SdkInitializationError", code: "E_SDK_INITIALIZATION_ERROR", reason: expected.initError };
  }
  const sdkError = (code, reason, text) => ({ name: "SentianceError", code, reason, text });
  if (expected.guard) return sdkError("E_SDK_NOT_INITIALIZED", "SDK_NOT_INITIALIZED", "^Sdk not initialized");
  if (expected.missing) return sdkError("E_SDK_MISSING_PARAMS", "MISSING_PARAMS", expected.missing);
  if (expected.invalid) return sdkError("E_SDK_MISSING_PARAMS", "INVALID_PARAMS", expected.invalid);
  return sdkError(expected.code ?? code, expected.reason);
}

function assertError(error, { name, code, reason, text = "" }) {
  assert.deepEqual([error.name, error.code, error.reason], [name, code, reason], error.text);
  const isSentianceError = name === "SentianceError";
  assert.deepEqual([error.isSentianceError, error.isInstance], [isSentianceError, isSentianceError]);
  assert.match(error.message, new RegExp(text));
  if (!isSentianceError) return;
  const isPlain = code === "E_SDK_NOT_INITIALIZED" || code === "E_SDK_MISSING_PARAMS";
  assert.equal(error.message, isPlain ? error.details : `Reason: ${reason} - ${error.details}`);
  assert.equal(typeof error.retryable, "boolean");
}

function assertNoSecret(error, args) {
  for (const text of texts(args)) {
    if (text.length >= SECRET_LENGTH) assert.ok(!error.text.includes(text), "an argument is repeated");
  }
}

function texts(value) {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(texts);
}
