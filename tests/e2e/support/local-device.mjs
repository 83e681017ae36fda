// A device whose app runs in the test's own process: for options that cannot cross to another one, such as a storage
// object, a `fetch`, or a clock that the test sets.

import { importFresh } from "../../package/support/entries.mjs";
import { createAgent } from "./agent.mjs";
import { installedEntries } from "./consumer.mjs";
import { Device } from "./device.mjs";

/**
 * Starts an app that uses the package installed in a project.
 *
 * @param folder - The project.
 * @param options - What the app passes to `initialize` whenever it starts; nothing is called without it.
 * @param entry - Which of the package's entries the app has.
 */
export async function startLocalDevice(folder, options, entry = "index") {
  const device = new LocalDevice(installedEntries(folder), options, entry);
  await device.open();
  return device;
}

class LocalDevice extends Device {
  /** What the app's logger was told since the app was started, oldest first. */
  warnings = [];
  /** What the app passes to `initialize` when it starts. */
  options;
  #entries;
  #entry;

  constructor(entries, options, entry) {
    super();
    this.#entries = entries;
    this.#entry = entry;
    this.options = options;
  }

  async open() {
    const sdk = await importFresh(this.#entry, this.#entries);
    /** The package itself, for what a device can't tell: which object it was. */
    this.sdk = sdk;
    this.perform = createAgent(sdk, (status) => this.statuses.push(status));
    this.warnings = [];
    const logger = { warn: (text) => this.warnings.push(text) };
    if (this.options) await this.call("initialize", { logger, ...this.options });
  }

  /** The app that ran before has nothing more to do, and nobody holds it. */
  close() {}
}
