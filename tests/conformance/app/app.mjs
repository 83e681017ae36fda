// The app of the conformance suite, the same in every engine: its calls and their results are plain data, so that they
// can cross to the test's process. What cannot cross is described by an object with the key `$`.

import { pretendPage } from "./page.mjs";

/** The members of the package that are no functions of the API. */
const VALUES = [
  "default",
  "NO_OP_LINKER",
  "SdkInitializationError",
  "SentianceError",
  "TransportMode",
  "isSentianceError",
  "transportModes",
];

/**
 * Makes the app.
 *
 * @param sdk - The package under test.
 * @param storage - What the app passes to `initialize`, unless a call says otherwise.
 * @returns The package's members, with functions that take and return plain data; besides, `heard` returns what the
 *   newest listener was called with, call by call.
 */
export function createApp(sdk, storage) {
  let heard = [];
  const makeListener = () => {
    const calls = [];
    heard = calls;
    return (...args) => void calls.push(args);
  };
  const context = { sdk, makeListener };
  const app = { ...sdk, pretendPage, heard: () => heard };
  for (const name of Object.keys(sdk)) {
    if (VALUES.includes(name)) continue;
    app[name] = (...args) => describeResult(sdk[name](...args.map((argument) => revive(argument, context))));
  }
  const { initialize } = app;
  app.initialize = (options) =>
    typeof options === "object" && options !== null
      ? describeResult(sdk.initialize({ storage, ...revive(options, context) }))
      : initialize(options);
  return app;
}

/** What a call returned, in plain data. */
function describeResult(result) {
  if (result instanceof Promise) return result.then(describeResult);
  if (result && typeof result.remove === "function") return { $: "subscription" };
  return result;
}

/** The argument that `value` describes. */
function revive(value, context) {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => revive(item, context));
  switch (value.$) {
    case "undefined":
      return undefined;
    case "NaN":
      return NaN;
    case "Infinity":
      return Infinity;
    case "NO_OP_LINKER":
      return context.sdk.NO_OP_LINKER;
    case "listener":
      return context.makeListener();
    case "linker":
      return makeLinker(value);
    default:
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item, context)]));
  }
}

/** A linker of the app, by what it does. */
function makeLinker({ does, backend }) {
  return (installId) => {
    switch (does) {
      case "links":
        return askBackend(backend, installId).then(({ status }) => status === 200);
      case "links and forgets to answer":
        return askBackend(backend, installId).then(() => undefined);
      case "answers true at once":
        return true;
      case "answers false":
        return Promise.resolve(false);
      case "answers false at once":
        return false;
      case "answers 1":
        return 1;
      case 'answers "true"':
        return "true";
      case "throws":
        throw new Error("the app's own failure");
      case "rejects":
        return Promise.reject(new Error("the app's own failure"));
      case "never answers":
        return new Promise(() => undefined);
      default:
        throw new Error(`no linker ${does}`);
    }
  };
}

/** Has the app's backend link the install to one of the app's users. */
function askBackend({ url, apiKey, externalId }, installId) {
  return fetch(`${url}/v2/users/${installId}/link`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ external_id: externalId }),
  });
}
