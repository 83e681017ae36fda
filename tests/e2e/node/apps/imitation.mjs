// An app in Node that imitates a page, as test set-ups do. It does what it is told, and has nothing more to do then: the
// process must end by itself. Arguments: the imitation, what the app does, the platform's address, and a code.

import { setTimeout as sleep } from "node:timers/promises";
import { importFresh } from "../../../package/support/entries.mjs";

const [imitation, scenario, platformUrl, authCode] = process.argv.slice(2);

/** Puts what a window has in the place of Node's globals. */
function pretend(window, names) {
  globalThis.window = globalThis;
  for (const name of names) {
    const value = window[name];
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}

/** What a page has, and mocha's and vitest's set-ups copy. */
const DOM = ["document", "localStorage", "Storage", "Window", "location", "navigator"];
const EVENTS = ["addEventListener", "removeEventListener", "dispatchEvent"];
const TIMERS = ["setTimeout", "clearTimeout", "setInterval", "clearInterval"];

async function jsdom() {
  const { JSDOM } = await import("jsdom");
  const { window } = new JSDOM("<!doctype html>", { url: "http://localhost/" });
  // As global-jsdom does: all that Node lacks, and what is a page's own. Node's timers stay: its `fetch` needs them.
  const missing = Object.getOwnPropertyNames(window).filter((name) => !(name in globalThis));
  pretend(window, [...DOM, ...missing]);
  for (const name of EVENTS) globalThis[name] = window[name].bind(window);
}

async function happyDom(names) {
  const { Window } = await import("happy-dom");
  const window = new Window({ url: "http://localhost/" });
  window.happyDOM.settings.fetch.disableSameOriginPolicy = true;
  pretend(window, names);
  for (const name of EVENTS) globalThis[name] = window[name].bind(window);
  if (names.includes("fetch")) globalThis.fetch = window.fetch.bind(window);
}

/** As many set-ups do by hand: what the app names, and the window itself. */
async function jsdomWindow() {
  const { JSDOM } = await import("jsdom");
  const { window } = new JSDOM("<!doctype html>", { url: "http://localhost/" });
  const { document, localStorage, navigator } = window;
  for (const [name, value] of Object.entries({ window, self: window, document, localStorage, navigator })) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}

const IMITATIONS = {
  none: () => {},
  jsdom,
  "jsdom's window": jsdomWindow,
  "happy-dom": () => happyDom(DOM),
  "happy-dom with its timers and fetch": () => happyDom([...DOM, ...TIMERS, "fetch"]),
};

await IMITATIONS[imitation]();
const sdk = await importFresh("index");
await sdk.initialize({ platformUrl });
const listen = () => sdk.addSdkStatusUpdateListener(() => {});

const SCENARIOS = {
  async "a user"() {
    await sdk.createUser({ authCode });
  },
  async "a user, and a reset"() {
    await sdk.createUser({ authCode });
    await sdk.reset();
  },
  async "a listener, and a user"() {
    await listen();
    await sdk.createUser({ authCode });
  },
  async "a user who wants detections"() {
    await sdk.createUser({ authCode });
    await sdk.enableDetections();
    await listen();
  },
  async "no channel"() {
    globalThis.BroadcastChannel = undefined;
    await sdk.createUser({ authCode });
  },
  async "its own fetch"() {
    const { fetch } = globalThis;
    await sdk.initialize({ fetch: (...args) => fetch(...args) });
    await sdk.createUser({ authCode });
  },
};
await SCENARIOS[scenario]();
// Other work, until the stream is open. Not a page's timer: one of jsdom's own would hold the process.
await sleep(500);
console.log("done");
