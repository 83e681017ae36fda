// What an application can import, however it imports: the names, and what each is before the core does anything.

import assert from "node:assert/strict";
import { test } from "node:test";
import names from "./api-names.json" with { type: "json" };
import { importFresh, requireEntry } from "./support/entries.mjs";

const ALL_NAMES = [...names.functions, ...names.values].sort();
const ENTRIES = ["index", "react-native"];

for (const entry of ENTRIES) {
  test(`${entry}: import and require give the same names, by name and as the default export`, async () => {
    const module = await importFresh(entry);
    const required = requireEntry(entry);
    assert.deepEqual(Object.keys(module).sort(), [...ALL_NAMES, "default"].sort());
    assert.deepEqual(Object.keys(module.default).sort(), ALL_NAMES);
    assert.deepEqual(Object.keys(required).sort(), [...ALL_NAMES, "default"].sort());
    for (const name of ALL_NAMES) assert.equal(module.default[name], module[name], name);
  });

  test(`${entry}: require() gives the default export itself, in the form that compilers expect`, () => {
    const required = requireEntry(entry);
    assert.equal(required.default, required);
    assert.equal(required.__esModule, true);
  });

  test(`${entry}: what applications test with can be replaced`, () => {
    const sentianceCore = { ...requireEntry(entry) };
    sentianceCore.getUserId = () => Promise.resolve("somebody");
    const required = requireEntry(entry);
    const original = required.getUserId;
    required.getUserId = sentianceCore.getUserId;
    assert.equal(required.getUserId, sentianceCore.getUserId);
    required.getUserId = original;
  });

  test(`${entry}: the transport modes are one two-way object under two names`, async () => {
    const { transportModes, TransportMode } = await importFresh(entry);
    assert.equal(transportModes, TransportMode);
    assert.equal(transportModes.CAR, 2);
    assert.equal(transportModes[11], "RUNNING");
    assert.equal(Object.keys(transportModes).length, 22);
  });

  test(`${entry}: NO_OP_LINKER is one object that nothing can change`, async () => {
    const { NO_OP_LINKER } = await importFresh(entry);
    assert.ok(Object.isFrozen(NO_OP_LINKER));
    assert.equal(typeof NO_OP_LINKER, "object");
  });

  test(`${entry}: no function throws, whatever it is given`, async () => {
    const module = await importFresh(entry);
    for (const name of names.functions) {
      const result = module[name](Symbol("not an argument"));
      if (name === "userLinkCallback") assert.equal(result, undefined);
      else assert.ok(result instanceof Promise, name);
      await Promise.resolve(result).catch(() => undefined);
    }
  });

  test(`${entry}: a listener can be removed at once, as well as after it was added`, async () => {
    const { addSdkStatusUpdateListener } = await importFresh(entry);
    const pending = addSdkStatusUpdateListener(() => undefined);
    pending.remove();
    const subscription = await pending;
    subscription.remove();
    subscription.remove();
  });
}

test("everything that the original exports is there, and what else there is, is known", () => {
  const original = Object.values(names.original).flat();
  assert.deepEqual(
    original.filter((name) => !ALL_NAMES.includes(name)),
    [],
  );
  assert.deepEqual(
    ALL_NAMES.filter((name) => !original.includes(name)),
    names.additions,
  );
});
