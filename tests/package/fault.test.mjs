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

  test(`${engine}: after options that were refused at first, the new instance finds the user`, async () => {
    const storage = makeStorage();
    const first = await importFresh(file, FAULTY_PACKAGE);
    await first.initialize({ ...offlineOptions(), storage });
    const { userInfo } = await first.createUser("code");

    const sentiance = await importFresh(file, FAULTY_PACKAGE);
    const refused = { storage, platformUrl: "https://other.example" };
    await assert.rejects(sentiance.initialize(refused), { reason: "REINITIALIZATION_NOT_ALLOWED" });
    assert.equal(await sentiance.getUserId(), userInfo.userId);
    await sentiance.breakCore().catch(() => undefined);
    assert.equal(await sentiance.getUserId(), userInfo.userId);
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

for (const { engine, file } of ENGINES) {
  test(`${engine}: a listener that breaks the core is called once, and the user stays`, async (t) => {
    const ended = watchProcess(t);
    const sentiance = await importFresh(file, FAULTY_PACKAGE);
    await sentiance.initialize({ ...offlineOptions(), storage: makeStorage() });
    const outcomes = [];
    await sentiance.addSdkStatusUpdateListener(() => {
      outcomes.push(sentiance.getUserId().catch((reason) => reason));
      outcomes.push(sentiance.breakCore().catch((reason) => reason));
    });
    // It may be settled before the listener is called, or break with the core.
    await sentiance.createUser("code").catch((error) => assert.equal(error.reason, "UNEXPECTED_ERROR"));
    await eventually("the listener is called", () => outcomes.length > 0);
    const [found, broken] = await within("what the listener called", Promise.all(outcomes));
    assert.equal(broken.reason, "UNEXPECTED_ERROR");
    // It reads the stored record first, so it is under way as the core breaks.
    assert.equal(found.reason, "UNEXPECTED_ERROR");
    assert.equal(await sentiance.getUserId(), createdUser().user_id);
    await nextTurn();
    assert.equal(outcomes.length, 2);
    assert.deepEqual(ended, []);
  });
}

/** Has every function that the core exports go through `wrap(function, number of the instance)`. */
function wrapExports(t, wrap) {
  const original = WebAssembly.instantiate;
  let instances = 0;
  const instantiate = async (bytes, imports) => {
    const { instance } = await original(bytes, imports);
    const number = ++instances;
    const wrapped = Object.entries(instance.exports).map(([name, member]) => [
      name,
      typeof member === "function" ? wrap(member, number) : member,
    ]);
    return { instance: { exports: Object.fromEntries(wrapped) } };
  };
  replaceGlobal(t, "WebAssembly", { value: { ...ownMembers(WebAssembly), instantiate } });
  return () => instances;
}

test("no call of the app enters the core at once, where the stack may be near its end", async (t) => {
  let entered = 0;
  wrapExports(t, (member) => (...args) => {
    entered += 1;
    return member(...args);
  });
  const sentiance = await importFresh("index");
  await sentiance.initialize({ ...offlineOptions(), storage: makeStorage() });
  const seen = [];
  const subscription = await sentiance.addSdkStatusUpdateListener(() => seen.push("removed"));
  await nextTurn();
  entered = 0;
  const calls = [sentiance.userExists(), sentiance.createUser("code"), sentiance.getSdkStatus()];
  subscription.remove();
  assert.equal(entered, 0);
  await Promise.all(calls);
  await nextTurn();
  assert.ok(entered > 0);
  assert.deepEqual(seen, [], "what was removed is not called, though the core did not know yet");
});

test("code that stops without a panic is fenced too", async (t) => {
  const ended = watchProcess(t);
  let exhausted = false;
  const instances = wrapExports(t, (member, number) => (...args) => {
    if (exhausted && number === 1) throw new RangeError("Maximum call stack size exceeded");
    return member(...args);
  });

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
  assert.equal(instances(), 2);
  assert.deepEqual(ended, []);
});

function ownMembers(object) {
  return Object.fromEntries(Object.getOwnPropertyNames(object).map((name) => [name, object[name]]));
}
