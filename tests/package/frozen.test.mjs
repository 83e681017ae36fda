// Pages and processes freeze built-in objects against pollution, before or after the SDK is loaded: refusals stay what they
// are, and no user is lost. Each case in a process of its own, since nothing that is frozen thaws.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const APP = fileURLToPath(new URL("support/frozen-app.mjs", import.meta.url));
const PROTOTYPES = [
  "Object",
  "Function",
  "Array",
  "Promise",
  "Map",
  "Set",
  "Symbol",
  "Error",
  "TypeError",
  "String",
  "Number",
  "Boolean",
  "Date",
  "RegExp",
  "ArrayBuffer",
  "Uint8Array",
  "DataView",
];
const run = promisify(execFile);

for (const file of ["index", "react-native"]) {
  for (const when of ["before", "after"]) {
    test(`${file}: frozen built-ins change nothing, frozen ${when} it is loaded`, async () => {
      for (const frozen of [...PROTOTYPES, PROTOTYPES.join()]) {
        const { stdout } = await run(process.execPath, [APP, file, when, frozen], { timeout: 30_000 });
        assert.deepEqual(
          JSON.parse(stdout),
          {
            refused: ["SentianceError", "E_SDK_CREATE_USER_ERROR", "USER_ALREADY_EXISTS", true],
            invalid: ["SentianceError", "E_SDK_MISSING_PARAMS", "INVALID_PARAMS", true],
            initialization: ["SdkInitializationError", "E_SDK_INITIALIZATION_ERROR", "INVALID_PARAMS", true],
            missing: ["TypeError", null, null, true],
            listener: ["SentianceError", "E_SDK_MISSING_PARAMS", "INVALID_PARAMS", true],
            userId: "0123456789abcdef01234567",
            heard: [false],
          },
          frozen,
        );
      }
    });
  }
}
