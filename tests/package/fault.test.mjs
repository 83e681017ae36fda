// The fence: when the core's code breaks, no call stays pending, nothing reaches the process, and the next call works.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, within } from "../e2e/support/deadline.mjs";
import {
  ENGINES,
  FAULTY_PACKAGE,
  createdUser,
  importFresh,
  offlineOptions,
  replaceGlobal,
} from "./support/entries.mjs";

/** A storage that outlives an instance of the core, as a phone's does. */
function makeStorage() {
  const items = new Map();
  const storage = {
    writes: 0,
    getItem: async (key) => items.get(key) ?? null,
    setItem: async (key, value) => {
      storage.writes++;
      items.set(key, value);
    },
    removeItem: async (key) => void items.delete(key),
  };
  return storage;
}

/** Collects what would end a Node process. */
function watchProcess(t) {
  const seen = [];
  const note = (error) => seen.push(error);
  process.on("uncaughtException", note);
  process.on("unhandledRejection", note);
  t.after(() => {
    process.off("uncaughtException", note);
    process.off("unhandledRejection", note);
  });
  return seen;
}

const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 20));

for (const { engine, file } of ENGINES) {
  test(`${engine}: a panic rejects the calls in flight, and the next call finds the user again`, async (t) => {
    const ended = watchProcess(t);
    const sentiance = await importFresh(file, FAULTY_PACKAGE);
    await sentiance.initialize({ ...offlineOptions(), storage: makeStorage() });
    await sentiance.createUser("code");
    await sentiance.reset();
    // Its answer never comes.
    const options = {
      ...offlineOptions(),
      storage: makeStorage(),
      fetch: () => new Promise(() => undefined),
    };
    await sentiance.initialize(options);
    const inFlight = sentiance.createUser("code").catch((reason) => reason);
    await nextTurn();

    const broken = await within(
      "the broken call",
      sentiance.breakCore().catch((reason) => reason),
    );
    const rejected = await within("the call in flight", inFlight);
    for (const error of [broken, rejected]) {
      assert.ok(error instanceof sentiance.SentianceError, String(error));
      assert.equal(error.reason, "UNEXPECTED_ERROR");
      assert.ok(error.retryable);
    }
    assert.equal(await within("the next call", sentiance.userExists()), false);
    await nextTurn();
    assert.deepEqual(ended, []);
  });

  test(`${engine}: the new instance has the options, the listeners and the user of the old one`, async () => {
    const sentiance = await importFresh(file, FAULTY_PACKAGE);
    const storage = makeStorage();
    await sentiance.initialize({ ...offlineOptions(), storage });
    const seen = [];
    const kept = await sentiance.addSdkStatusUpdateListener((status) =>
      seen.push(["kept", status.userExists]),
    );
    const removed = await sentiance.addSdkStatusUpdateListener(() => seen.push("removed"));
    removed.remove();
    const { userInfo } = await sentiance.createUser("code");
    await eventually("the listener is called", () => seen.length === 1);

    await sentiance.breakCore().catch(() => undefined);
    assert.equal(await sentiance.getUserId(), userInfo.userId);
    await sentiance.reset();
    await eventually("the listener is called by the new instance", () => seen.length === 2);
    assert.deepEqual(seen, [
      ["kept", true],
      ["kept", false],
    ]);
    kept.remove();
    await sentiance.createUser("code");
    await nextTurn();
    assert.equal(seen.length, 2);
  });

  test(`${engine}: the new instance has the options of every \`initialize\``, async () => {
    const sentiance = await importFresh(file, FAULTY_PACKAGE);
    const options = { ...offlineOptions(), storage: makeStorage() };
    await sentiance.initialize(options);
    const { userInfo } = await sentiance.createUser("code");
    await sentiance.initialize({ timeouts: { callMs: 200 } });
    await sentiance.initialize({ fetch: () => new Promise(() => undefined) });

    await sentiance.breakCore().catch(() => undefined);
    assert.equal(await sentiance.getUserId(), userInfo.userId, "the storage of the first");
    await sentiance.reset();
    // One request alone may take longer than this.
    const error = await within(
      "the deadline of the second",
      sentiance.createUser("code").catch((reason) => reason),
      5_000,
    );
    assert.equal(error.reason, "NETWORK_ERROR", "the fetch of the third");
  });

  test(`${engine}: what still calls into a broken instance finds nothing there`, async (t) => {
    const ended = watchProcess(t);
    const sentiance = await importFresh(file, FAULTY_PACKAGE);
    const storage = makeStorage();
    let answer;
    const requests = [];
    const fetch = (url) => {
      requests.push(url);
      return new Promise((resolve) => (answer = resolve));
    };
    await sentiance.initialize({ ...offlineOptions(), storage, fetch });
    const inFlight = sentiance.createUser("code").catch((reason) => reason);
    await eventually("the request is sent", () => requests.length === 1);
    await sentiance.breakCore().catch(() => undefined);
    await within("the call in flight", inFlight);

    const { writes } = storage;
    answer(new Response(JSON.stringify(createdUser()), { status: 201 }));
    await nextTurn();
    assert.equal(storage.writes, writes);
    assert.equal(await sentiance.userExists(), false);
    assert.deepEqual(ended, []);
  });
}

test("code that stops without a panic is fenced too", async (t) => {
  const ended = watchProcess(t);
  const original = WebAssembly.instantiate;
  let instances = 0;
  let exhausted = false;
  const instantiate = async (bytes, imports) => {
    const { instance } = await original(bytes, imports);
    const exports = { ...instance.exports };
    if (++instances === 1) {
      for (const [name, member] of Object.entries(instance.exports)) {
        if (typeof member !== "function") continue;
        exports[name] = (...args) => {
          if (exhausted) throw new RangeError("Maximum call stack size exceeded");
          return member(...args);
        };
      }
    }
    return { instance: { exports } };
  };
  replaceGlobal(t, "WebAssembly", { value: { ...ownMembers(WebAssembly), instantiate } });

  const sentiance = await importFresh("index");
  await sentiance.initialize({ ...offlineOptions(), fetch: () => new Promise(() => undefined) });
  const inFlight = sentiance.createUser("code").catch((reason) => reason);
  await nextTurn();
  exhausted = true;
  const error = await sentiance.getUserId().catch((reason) => reason);
  assert.ok(sentiance.isSentianceError(error, "E_SDK_UNEXPECTED_ERROR"), String(error));
  assert.ok(error.cause instanceof RangeError);
  assert.equal((await within("the call in flight", inFlight)).reason, "UNEXPECTED_ERROR");
  assert.equal(await sentiance.getUserId(), null);
  assert.equal(instances, 2);
  assert.deepEqual(ended, []);
});

function ownMembers(object) {
  return Object.fromEntries(Object.getOwnPropertyNames(object).map((name) => [name, object[name]]));
}
