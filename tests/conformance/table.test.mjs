// The table of the API is complete: every function in every state, and every reason at least once.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../e2e/support/artifacts.mjs";
import names from "../package/api-names.json" with { type: "json" };
import { STATES } from "./support/states.mjs";
import { FUNCTIONS, GROUPS, ROWS } from "./support/table.mjs";

/** The members of a union in the generated part of the types. */
async function union(name) {
  const types = await readFile(join(ROOT, "src/types.d.ts"), "utf8");
  const [, members] = new RegExp(`export type ${name} =([^;]*);`).exec(types);
  return members.match(/[A-Z_]{3,}/g);
}

test("every function of the package has its entry, and none is there twice", () => {
  assert.deepEqual(FUNCTIONS.map(({ name }) => name).sort(), names.functions);
});

test("every function is called in every state of the life cycle", () => {
  for (const name of names.functions) {
    const states = new Set(ROWS.filter((row) => row.name === name).map(({ state }) => state));
    for (const state of Object.values(GROUPS).flat()) assert.ok(states.has(state), `${name} in "${state}"`);
  }
});

test("every state can be reached, and is of use", () => {
  const used = new Set(ROWS.map(({ state }) => state));
  assert.deepEqual([...used].sort(), [...STATES].sort());
});

test("every reason is met", async () => {
  const met = ROWS.map(({ outcome }) => {
    if (outcome.guard) return "SDK_NOT_INITIALIZED";
    if (outcome.missing) return "MISSING_PARAMS";
    if (outcome.invalid) return "INVALID_PARAMS";
    return outcome.reason ?? outcome.initError;
  });
  const reasons = await union("SentianceErrorReason");
  assert.deepEqual(
    reasons.filter((reason) => !met.includes(reason)),
    [],
  );
});

test("every function that can fail has a code of its own, and every code is met", async () => {
  const met = new Set(["E_SDK_NOT_INITIALIZED", "E_SDK_MISSING_PARAMS", "E_SDK_INITIALIZATION_ERROR"]);
  for (const { code, outcome } of ROWS) if (outcome.reason) met.add(outcome.code ?? code);
  const unmet = (await union("SentianceErrorCode")).filter((code) => !met.has(code));
  // `disableDetections` never fails, and what fails inside the SDK itself is the fault tests' business.
  assert.deepEqual(unmet, ["E_SDK_DISABLE_DETECTIONS_ERROR", "E_SDK_UNEXPECTED_ERROR"]);
});
