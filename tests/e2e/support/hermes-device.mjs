// A device whose app runs in a real Hermes engine, with this process in the place of React Native's native side.
//
// The engine reads statements from its standard input, one per line, and drains its microtasks after each. What it
// prints are lines too; those that begin with `@@` are messages for the host.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "./artifacts.mjs";
import { within } from "./deadline.mjs";
import { Device } from "./device.mjs";
import { makeAsyncStorage } from "./storages.mjs";

const ENGINE = join(
  dirname(createRequire(import.meta.url).resolve("hermes-engine-cli/package.json")),
  process.platform === "darwin" ? "osx-bin" : "linux64-bin",
  "hermes",
);
const RUNTIME = join(ROOT, "tests/e2e/hermes/app/runtime.js");
const RANDOM_BYTES = 4096;
const REQUEST_DEADLINE_MS = 20_000;

/**
 * Starts an engine with this app.
 *
 * @param options.bundle - The app's code.
 * @param options.initialize - What the app passes to `initialize`, besides its storage, whenever it starts; nothing is
 *   called without it.
 * @param options.geolocation - Whether the app has a geolocation, as `navigator.geolocation`.
 * @param options.randomValues - Whether the app has the polyfill for `crypto.getRandomValues`.
 */
export async function startHermesDevice(
  scope,
  { bundle, initialize, randomValues = true, geolocation = false },
) {
  const device = new HermesDevice(bundle, initialize, randomValues, geolocation);
  scope.after(() => device.close());
  await device.open();
  return device;
}

class HermesDevice extends Device {
  /** What the app wrote to its console, as `{level, text}`. */
  console = [];
  /** The app's storage; it outlives the engine, as a phone's does. */
  storage = makeAsyncStorage();
  #bundle;
  #initialize;
  #randomValues;
  #geolocation;
  #engine;
  #calls = new Map();
  #lastCall = 0;
  #timers = new Set();

  constructor(bundle, initialize, randomValues, geolocation) {
    super();
    this.#bundle = bundle;
    this.#initialize = initialize;
    this.#randomValues = randomValues;
    this.#geolocation = geolocation;
  }

  async open() {
    const engine = spawn(ENGINE, [], { stdio: ["pipe", "pipe", "pipe"] });
    this.#engine = engine;
    // Writing to an engine that has just died must not end the test's process; its end is reported below.
    engine.stdin.on("error", () => {});
    for (const stream of [engine.stdout, engine.stderr]) {
      createInterface({ input: stream }).on("line", (line) => this.#read(engine, line));
    }
    engine.on("exit", (code, signal) => this.#fail(`the engine ended (${signal ?? code})`));
    this.#evaluate(await readFile(RUNTIME, "utf8"));
    if (this.#randomValues) {
      this.#sendRandomBytes();
      this.#evaluate("installRandomValues()");
    }
    if (this.#geolocation) this.#evaluate("installGeolocation()");
    this.#evaluate(this.#bundle);
    if (this.#initialize) await this.call("initialize", this.#initialize);
  }

  async close() {
    const engine = this.#engine;
    this.#engine = undefined;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    if (!engine || engine.exitCode !== null || engine.signalCode !== null) return;
    const exited = once(engine, "exit");
    engine.kill("SIGKILL");
    await within("the engine's end", exited);
  }

  perform(name, args) {
    const id = ++this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#tell({ kind: "call", id, name, args });
    });
  }

  /** Moves the device. */
  moveTo(latitude, longitude) {
    this.#tell({ kind: "position", coords: { latitude, longitude, accuracy: 5 } });
  }

  #sendRandomBytes() {
    this.#tell({ kind: "random", bytes: [...randomBytes(RANDOM_BYTES)] });
  }

  /** Has the engine evaluate a script, however many lines it has. */
  #evaluate(script) {
    this.#write(`(0, eval)(${asLiteral(script)})`);
  }

  #tell(message) {
    this.#write(`fromHost(${asLiteral(message)})`);
  }

  #write(line) {
    this.#engine?.stdin.write(`${line}\n`);
  }

  #read(engine, line) {
    if (engine !== this.#engine) return;
    const start = line.indexOf("@@");
    if (start >= 0) this.#serve(engine, JSON.parse(line.slice(start + 2)));
    else if (line.includes("Uncaught")) this.#fail(line);
  }

  #serve(engine, { kind, id, payload }) {
    const answer = (promise, complaint) => this.#answer(engine, id, promise, complaint);
    const handlers = {
      outcome: () => {
        this.#calls.get(id)?.resolve(payload);
        this.#calls.delete(id);
      },
      status: () => this.statuses.push(payload),
      console: () => this.console.push(payload),
      random: () => this.#sendRandomBytes(),
      timer: () => this.#startTimer(id, payload),
      // React Native's fetch says no more than this either.
      fetch: () => answer(fetchFor(payload), "Network request failed: "),
      getItem: () => answer(this.storage.getItem(payload.key)),
      setItem: () => answer(this.storage.setItem(payload.key, payload.value)),
      removeItem: () => answer(this.storage.removeItem(payload.key)),
    };
    handlers[kind]();
  }

  #startTimer(id, ms) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#tell({ kind: "timer", id });
    }, ms);
    this.#timers.add(timer);
  }

  async #answer(engine, id, promise, complaint = "") {
    const message = await promise.then(
      (value) => ({ value }),
      (error) => ({ error: `${complaint}${error.message}` }),
    );
    // An app that was restarted meanwhile never asked.
    if (engine === this.#engine) this.#tell({ kind: "answer", id, ...message });
  }

  #fail(message) {
    for (const { reject } of this.#calls.values()) reject(new Error(message));
    this.#calls.clear();
  }
}

/** Sends a request of the app, and returns the answer in plain data. */
async function fetchFor({ url, method, headers, body }) {
  const response = await fetch(url, {
    method,
    headers,
    body,
    signal: AbortSignal.timeout(REQUEST_DEADLINE_MS),
  });
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
  };
}

/** `value` as a JavaScript literal on one line, also for the two separators that JSON leaves alone. */
function asLiteral(value) {
  return JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}
