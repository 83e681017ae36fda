// The three engines in which the suite runs: the core as WebAssembly and as JavaScript in Node, and the React Native
// bundle in Hermes.

import { join } from "node:path";
import { createAgent } from "../../e2e/support/agent.mjs";
import { ROOT } from "../../e2e/support/artifacts.mjs";
import { installPackage, installedEntries } from "../../e2e/support/consumer.mjs";
import { Device } from "../../e2e/support/device.mjs";
import { startHermesDevice } from "../../e2e/support/hermes-device.mjs";
import { bundleFiles } from "../../e2e/support/metro.mjs";
import { makeAsyncStorage } from "../../e2e/support/storages.mjs";
import { importFresh } from "../../package/support/entries.mjs";
import { createApp } from "../app/app.mjs";
import { endPage, globalsOfPage } from "../app/page.mjs";

const APP = join(ROOT, "tests/conformance/app");

/**
 * The engines by name: each function prepares one, and returns the function that starts a device in it. A device has
 * `storage`, whose operations a test can replace, and its app has called nothing yet.
 */
export const ENGINES = {
  WebAssembly: (scope) => prepareNode(scope, "index"),
  JavaScript: (scope) => prepareNode(scope, "react-native"),
  Hermes: prepareHermes,
};

async function prepareNode(scope, entry) {
  const entries = installedEntries(await installPackage(scope));
  return async ({ randomValues = true, webAssembly = true } = {}) => {
    const hidden = [...(randomValues ? [] : ["crypto"]), ...(webAssembly ? [] : ["WebAssembly"])];
    const device = new NodeDevice(entries, entry, hidden);
    scope.after(() => device.close());
    await device.open();
    return device;
  };
}

async function prepareHermes(scope) {
  const files = ["hermes.mjs", "app.mjs", "page.mjs"].map((file) => join(APP, file));
  const agent = join(ROOT, "tests/e2e/support/agent.mjs");
  const bundle = await bundleFiles(await installPackage(scope), [...files, agent]);
  const start = (randomValues) => startHermesDevice(scope, { bundle, randomValues });
  // Most of a test's time is the start of its engine: the next one starts while this one is in use.
  let next = start(true);
  return async ({ randomValues = true } = {}) => {
    if (!randomValues) return start(randomValues);
    const device = await next;
    next = start(true);
    next.catch(() => undefined);
    return device;
  };
}

/** An app in the test's own process. */
class NodeDevice extends Device {
  storage = makeAsyncStorage();
  #entries;
  #entry;
  #hidden;
  #before = globalsOfPage();

  /** @param hidden - Globals that this runtime shall not have. */
  constructor(entries, entry, hidden) {
    super();
    this.#entries = entries;
    this.#entry = entry;
    this.#hidden = new Map(hidden.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]));
  }

  async open() {
    for (const name of this.#hidden.keys()) {
      Object.defineProperty(globalThis, name, { value: undefined, configurable: true });
    }
    const sdk = await importFresh(this.#entry, this.#entries);
    this.perform = createAgent(createApp(sdk, this.storage), (status) => this.statuses.push(status));
  }

  close() {
    endPage(this.#before);
    for (const [name, original] of this.#hidden) Object.defineProperty(globalThis, name, original);
  }
}
