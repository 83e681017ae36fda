// What an app may pass: objects of any kind and of any realm that hold their entries under keys of their own. What holds
// them elsewhere is refused with its kind, what cannot be read is refused too, and nothing of that breaks the core.

import assert from "node:assert/strict";
import { test } from "node:test";
import vm from "node:vm";
import { ENGINES, createdUser, importFresh } from "./support/entries.mjs";

const realm = vm.createContext({});
/** What an expression comes to in another realm: there every built-in is another one. */
const foreign = (expression) => vm.runInContext(`(${expression})`, realm);

/** Objects by their kind: each function makes one that has these entries. */
const RECORDS = {
  "a plain object": (entries) => ({ ...entries }),
  "an object without a prototype": (entries) => Object.assign(Object.create(null), entries),
  "an instance of a class": (entries) => Object.assign(new (class Settings {})(), entries),
  "a frozen object": (entries) => Object.freeze({ ...entries }),
  "a proxy": (entries) => new Proxy({ ...entries }, {}),
  "a proxy of an object without a prototype": (entries) =>
    new Proxy(Object.assign(Object.create(null), entries), {}),
  "another realm's object": (entries) => foreign("(entries) => ({ ...entries })")(entries),
  "another realm's object without a prototype": (entries) =>
    foreign("(entries) => Object.assign(Object.create(null), entries)")(entries),
  "another realm's instance of a class": (entries) =>
    foreign("(entries) => Object.assign(new (class Settings {})(), entries)")(entries),
  "an object with getters": (entries) =>
    Object.defineProperties(
      {},
      Object.fromEntries(
        Object.entries(entries).map(([key, value]) => [key, { get: () => value, enumerable: true }]),
      ),
    ),
};

/** What is no such object, by the expression that makes it. */
const CONTAINERS = [
  'new Map([["a", "1"]])',
  'new Set(["a"])',
  "new WeakMap()",
  "new WeakSet()",
  "new Date()",
  "Promise.resolve()",
  "new Uint8Array(2)",
  "new ArrayBuffer(2)",
  'new String("ab")',
  "new Number(1)",
  "new Boolean(true)",
  '["a"]',
  "/a/",
  'new Error("a")',
  "(function () { return arguments; })(1)",
  "(function* () {})()",
  "Object(Symbol())",
  "Object(1n)",
  'new Proxy(new Map([["a", "1"]]), {})',
];
/** The same, where only one realm has it. */
const OWN_CONTAINERS = [
  () => new URLSearchParams("a=1"),
  () => new Headers({ a: "1" }),
  () => new FormData(),
  () => new Blob(["a"]),
  () => function noObject() {},
];

/** What throws when it is read, by how. */
const HOSTILE = {
  "a getter that throws": () => Object.defineProperty({}, "authCode", { enumerable: true, get: fail }),
  "a proxy whose values throw": () =>
    new Proxy({ authCode: "c", requestMs: 1, class: "phone" }, { get: fail }),
  "a proxy whose keys throw": () => new Proxy({}, { get: fail, ownKeys: fail }),
  "a proxy whose prototype throws": () => new Proxy({}, { get: fail, getPrototypeOf: fail }),
  "a proxy that is revoked": () => {
    const { proxy, revoke } = Proxy.revocable({ a: "1" }, {});
    revoke();
    return proxy;
  },
};

function fail() {
  throw new Error("the app's own failure");
}

/** A platform in the test's process: `bodies` holds what was sent to it. */
function offline() {
  const bodies = [];
  const fetch = async (url, init) => {
    const body = JSON.parse(init.body ?? "{}");
    bodies.push(body);
    // As a platform answers a change of metadata: with the newest revision, which is this one.
    const answer = url.endsWith("/metadata") ? { revision: body.revision } : createdUser();
    return new Response(JSON.stringify(answer), { status: 201 });
  };
  return { bodies, options: { platformUrl: "http://localhost:1", storage: "memory", fetch, logger: null } };
}

/** Starts the package with a user. */
async function startWithUser(file) {
  const sdk = await importFresh(file);
  const { bodies, options } = offline();
  await sdk.initialize(options);
  await sdk.createUser({ authCode: "code" });
  return { sdk, bodies };
}

/** The reason why a call was refused; fails where it was not. */
async function refusal(promise) {
  const error = await promise.then(
    (value) => assert.fail(`resolved with ${JSON.stringify(value)}`),
    (error) => error,
  );
  assert.match(error.reason ?? "", /^(INVALID|MISSING)_PARAMS$/, String(error));
  return error;
}

/** Every function that takes an object, and what it does with one that it does not want. */
const TAKERS = {
  addUserMetadataFields: (sdk, value) => sdk.addUserMetadataFields(value),
  addTripMetadata: (sdk, value) => sdk.addTripMetadata(value),
  startTrip: (sdk, value) => sdk.startTrip(value, 1),
  createUser: (sdk, value) => sdk.createUser(value),
  initialize: (sdk, value) => sdk.initialize(value),
  "initialize's deviceInfo": (sdk, value) => sdk.initialize({ deviceInfo: value }),
  "initialize's timeouts": (sdk, value) => sdk.initialize({ timeouts: value }),
};

for (const { engine, file } of ENGINES) {
  for (const [kind, make] of Object.entries(RECORDS)) {
    test(`${engine}: ${kind} works wherever an object does`, async () => {
      const { bodies, options } = offline();
      const sdk = await importFresh(file);
      await sdk.initialize(make({ ...options, timeouts: make({ requestMs: 5_000 }) }));
      await sdk.initialize(make({ deviceInfo: make({ class: "tablet", model: "M1" }) }));
      await sdk.createUser(make({ authCode: "code", platformUrl: "http://localhost:1" }));
      assert.equal(bodies[0].device.class, "tablet");
      assert.equal(bodies[0].device.model, "M1");

      await sdk.addUserMetadataFields(make({ tier: "gold", age: 7 }));
      await sdk.submitDetections();
      const sent = bodies.flatMap((body) => body.entries ?? body.changes ?? body.metadata ?? []);
      assert.match(JSON.stringify(sent), /"tier".*"gold"/);
      assert.equal(await sdk.addTripMetadata(make({ note: "x" })), false);
      await assert.rejects(sdk.startTrip(make({ note: "x" }), 1), { reason: "DETECTIONS_DISABLED" });
    });
  }

  test(`${engine}: what a regular expression or a module holds is metadata`, async () => {
    const { sdk } = await startWithUser(file);
    await sdk.addUserMetadataFields(/(?<year>\d+)/.exec("2026").groups);
    await sdk.addUserMetadataFields(await import("data:text/javascript,export const tier = 'gold';"));
    await sdk.addUserMetadataFields({});
    await sdk.addUserMetadataFields(Object.create(null));
  });

  for (const [name, take] of Object.entries(TAKERS)) {
    test(`${engine}: ${name} refuses every container, and says which`, async () => {
      const { sdk } = await startWithUser(file);
      const containers = [
        ...CONTAINERS.flatMap((made) => [vm.runInThisContext(`(${made})`), foreign(made)]),
        ...OWN_CONTAINERS.map((make) => make()),
      ];
      for (const value of containers) {
        const kind = Object.prototype.toString.call(value);
        const { message } = await refusal(take(sdk, value));
        // A function may have the fields that `createUser` looks for.
        if (name !== "createUser" || typeof value === "object") {
          assert.ok(message.includes(kind), `${kind}: ${message}`);
        }
      }
      assert.equal(await sdk.userExists(), true);
    });

    test(`${engine}: ${name} outlives what cannot be read`, async () => {
      const { sdk } = await startWithUser(file);
      for (const [how, make] of Object.entries(HOSTILE)) {
        const outcome = await take(sdk, make()).then(
          () => "resolved",
          (error) => error.code,
        );
        assert.notEqual(outcome, "E_SDK_UNEXPECTED_ERROR", how);
        if (how.includes("values") || how.includes("revoked")) assert.notEqual(outcome, "resolved", how);
        assert.equal(await sdk.userExists(), true, how);
      }
    });
  }

  test(`${engine}: metadata whose class hides its entries is refused`, async () => {
    const { sdk } = await startWithUser(file);
    class Hidden {
      #tier = "gold";
      get tier() {
        return this.#tier;
      }
    }
    const { message } = await refusal(sdk.addUserMetadataFields(new Hidden()));
    assert.match(message, /keys of its own/);
  });

  test(`${engine}: an option whose getter throws is named, and no default is used`, async () => {
    const { sdk, bodies } = await startWithUser(file);
    await sdk.reset();
    bodies.length = 0;
    const options = Object.defineProperty({ authCode: "code" }, "platformUrl", { get: fail });
    const { message } = await refusal(sdk.createUser(options));
    assert.match(message, /platformUrl/);
    for (const name of [
      "platformUrl",
      "storage",
      "fetch",
      "deviceInfo",
      "logger",
      "timeouts",
      "locationAllowed",
    ]) {
      const { message } = await refusal(sdk.initialize(Object.defineProperty({}, name, { get: fail })));
      assert.match(message, new RegExp(name));
    }
    assert.deepEqual(bodies, []);
  });

  test(`${engine}: arrays of any realm name data types, and nothing else does`, async () => {
    const { sdk } = await startWithUser(file);
    for (const types of [
      ["SDK_INFO"],
      Object.freeze(["SDK_INFO"]),
      new Proxy(["SDK_INFO"], {}),
      foreign('["SDK_INFO"]'),
    ]) {
      await sdk.setTransmittableDataTypes(["ALL"]);
      await sdk.setTransmittableDataTypes(types);
      assert.deepEqual(await sdk.getTransmittableDataTypes(), ["SDK_INFO"]);
    }
    const revoked = Proxy.revocable([], {});
    revoked.revoke();
    const refused = [
      new Set(["ALL"]),
      { 0: "ALL", length: 1 },
      "ALL",
      revoked.proxy,
      new Proxy(["ALL"], { get: fail }),
      Object.defineProperty([], 0, { get: fail }),
      [Symbol("ALL")],
      [Object.create(null)],
    ];
    for (const types of refused) {
      const error = await sdk.setTransmittableDataTypes(types).catch((error) => error);
      assert.ok(error?.name === "TypeError" || error?.reason === "INVALID_PARAMS", String(error));
    }
    assert.deepEqual(await sdk.getTransmittableDataTypes(), ["SDK_INFO"]);
  });

  /** Functions by their kind. */
  const FUNCTIONS = {
    "another realm's function": (work) => foreign("(work) => (...args) => work(...args)")(work),
    "a proxy of a function": (work) => new Proxy(work, {}),
    "a function without a prototype": (work) => Object.setPrototypeOf((...args) => work(...args), null),
    "a frozen function": (work) => Object.freeze((...args) => work(...args)),
  };
  for (const [kind, make] of Object.entries(FUNCTIONS)) {
    test(`${engine}: ${kind} serves as listener, linker, fetch, logger and storage`, async () => {
      const sdk = await importFresh(file);
      const { options } = offline();
      const items = new Map();
      const storage = {
        getItem: make((key) => items.get(key) ?? null),
        setItem: make((key, value) => void items.set(key, value)),
        removeItem: make((key) => void items.delete(key)),
      };
      const warnings = [];
      const logger = { warn: make((text) => warnings.push(text)) };
      await sdk.initialize({ ...options, storage, logger, fetch: make(options.fetch) });
      const heard = [];
      await sdk.addSdkStatusUpdateListener(make(({ userExists }) => heard.push(userExists)));
      await sdk.addSdkStatusUpdateListener(make(fail));
      const installs = [];
      const linker = make((installId) => {
        installs.push(installId);
        return foreign("Promise.resolve(true)");
      });
      await sdk.createUser({ appId: "app", appSecret: "secret", linker });
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.deepEqual(heard, [true]);
      assert.equal(installs.length, 1);
      assert.ok(items.has("sentiance.core"));
      assert.match(warnings.join(), /LISTENER_FAILED/);
    });
  }

  /** What an app's function may return in the place of a promise. */
  const PROMISES = {
    "a promise whose constructor throws": () =>
      Object.defineProperty(Promise.resolve(null), "constructor", { get: fail }),
    "a promise whose then throws": () =>
      Object.defineProperty(Promise.resolve(null), "then", { value: fail }),
    "a thenable whose then is a getter that throws": () => Object.defineProperty({}, "then", { get: fail }),
    "a proxy of a promise": () => new Proxy(Promise.resolve(null), {}),
  };
  for (const [kind, make] of Object.entries(PROMISES)) {
    test(`${engine}: ${kind} breaks nothing`, async () => {
      const sdk = await importFresh(file);
      const { options } = offline();
      await sdk.initialize({ ...options, fetch: make, timeouts: { callMs: 200 } });
      await sdk.addSdkStatusUpdateListener(make);
      const unusable = { getItem: make, setItem: make, removeItem: make };
      for (const call of [
        () => sdk.createUser({ authCode: "code" }),
        () => sdk.createUser({ appId: "app", appSecret: "secret", linker: make }),
        () => sdk.initialize({ storage: unusable }),
      ]) {
        const error = await call().catch((error) => error);
        assert.notEqual(error?.code, "E_SDK_UNEXPECTED_ERROR", String(error));
      }
    });
  }

  test(`${engine}: whatever was caught can be asked whether it is a SentianceError`, async () => {
    const sdk = await importFresh(file);
    for (const make of [...Object.values(HOSTILE), () => foreign("new Error()"), () => null, () => fail]) {
      assert.equal(sdk.isSentianceError(make()), false);
    }
  });
}
