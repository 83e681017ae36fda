// A device whose app is a Node process that uses the installed package, as an ES module or as CommonJS.

import { fork } from "node:child_process";
import { once } from "node:events";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./artifacts.mjs";
import { within } from "./deadline.mjs";
import { Device } from "./device.mjs";

const APPS = join(ROOT, "tests/e2e/node/apps");
const AGENT = join(ROOT, "tests/e2e/support/agent.mjs");

/**
 * Starts a Node process in a project that has the package installed.
 *
 * @param options.folder - The project.
 * @param options.app - `app.mjs` (ES module) or `app.cjs` (CommonJS).
 * @param options.initialize - What the app passes to `initialize` whenever it starts; nothing is called without it.
 */
export async function startNodeDevice(scope, { folder, app = "app.mjs", initialize }) {
  await copyFile(join(APPS, app), join(folder, app));
  await copyFile(AGENT, join(folder, "agent.mjs"));
  const device = new NodeDevice(join(folder, app), initialize);
  scope.after(() => device.close());
  await device.open();
  return device;
}

class NodeDevice extends Device {
  #script;
  #initialize;
  #process;
  #calls = new Map();
  #lastCall = 0;

  constructor(script, initialize) {
    super();
    this.#script = script;
    this.#initialize = initialize;
  }

  async open() {
    const child = fork(this.#script, { execArgv: [] });
    this.#process = child;
    child.on("message", (message) => this.#receive(message));
    child.on("exit", (code, signal) => this.#fail(`the app ended (${signal ?? code})`));
    if (this.#initialize) await this.call("initialize", this.#initialize);
  }

  async close() {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await within("the app's end", exited);
  }

  perform(name, args) {
    const call = ++this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      this.#process.send({ call, name, args });
    });
  }

  #receive({ call, outcome, status }) {
    if (status) this.statuses.push(status);
    this.#calls.get(call)?.resolve(outcome);
    this.#calls.delete(call);
  }

  #fail(message) {
    for (const { reject } of this.#calls.values()) reject(new Error(message));
    this.#calls.clear();
  }
}
