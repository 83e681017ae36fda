// A runtime in which the core cannot be loaded: each call says why and what to do, and a later one tries again.

import assert from "node:assert/strict";
import { cp, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { makeFolder } from "../e2e/support/folder.mjs";
import { PACKAGE, importFresh, replaceGlobal, requireEntry } from "./support/entries.mjs";

async function expectUnavailable(sentiance, { reason, text, retryable }) {
  for (const initialize of [sentiance.ensureInitialized, sentiance.initialize]) {
    const error = await initialize().catch((failure) => failure);
    assert.ok(error instanceof sentiance.SdkInitializationError, String(error));
    assert.equal(error.reason, reason);
    assert.match(error.message, text);
  }
  for (const call of [() => sentiance.createUser("code"), sentiance.getUserId, sentiance.reset]) {
    const error = await call().catch((failure) => failure);
    assert.ok(sentiance.isSentianceError(error, "E_SDK_NOT_INITIALIZED"), String(error));
    assert.match(error.message, /^Sdk not initialized: /);
    assert.match(error.message, text);
    assert.equal(error.retryable, retryable);
  }
  assert.equal(await sentiance.getInitState(), "NOT_INITIALIZED");
}

test("no WebAssembly at all", async (t) => {
  replaceGlobal(t, "WebAssembly", { value: undefined });
  const sentiance = await importFresh("index");
  await expectUnavailable(sentiance, {
    reason: "UNSUPPORTED_OS_VERSION",
    text: /has no WebAssembly/,
    retryable: false,
  });
});

test("a content security policy that refuses WebAssembly", async (t) => {
  const { CompileError } = WebAssembly;
  const cause = new CompileError("Refused to compile or instantiate WebAssembly module");
  replaceGlobal(t, "WebAssembly", { value: { CompileError, instantiate: () => Promise.reject(cause) } });
  const sentiance = await importFresh("index");
  await expectUnavailable(sentiance, {
    reason: "UNSUPPORTED_OS_VERSION",
    text: /'wasm-unsafe-eval'/,
    retryable: false,
  });
  const error = await sentiance.getUserId().catch((failure) => failure);
  assert.equal(error.cause, cause);
});

test("memory that is short for a moment", async (t) => {
  const { CompileError, instantiate } = WebAssembly;
  let failures = 1;
  const fail = (...args) =>
    failures-- > 0 ? Promise.reject(new RangeError("no memory")) : instantiate(...args);
  replaceGlobal(t, "WebAssembly", { value: { CompileError, instantiate: fail } });
  const sentiance = await importFresh("index");
  await assert.rejects(sentiance.ensureInitialized(), { reason: "EXCEPTION_OR_ERROR" });
  assert.equal(await sentiance.userExists(), false);
});

test("a chunk that cannot be loaded, until it can", async (t) => {
  const folder = await makeFolder(t, "half-a-package");
  await cp(PACKAGE, folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const chunk = join(folder, "core-webassembly.cjs");
  await rename(chunk, `${chunk}.away`);
  const sentiance = requireEntry("index", folder);
  await expectUnavailable(sentiance, {
    reason: "EXCEPTION_OR_ERROR",
    text: /could not be loaded/,
    retryable: true,
  });
  await rename(`${chunk}.away`, chunk);
  assert.equal(await sentiance.userExists(), false);
});

test("the react-native entry needs no WebAssembly", async (t) => {
  replaceGlobal(t, "WebAssembly", { get: () => assert.fail("WebAssembly was touched") });
  const sentiance = await importFresh("react-native");
  assert.equal(await sentiance.userExists(), false);
});
