// What every device has in common, whether it is a Node process, a page or a Hermes engine: calls of the API go in,
// results and status updates come out.

import { eventually, within } from "./deadline.mjs";

/** What a call of the API rejected with, as the device described it. */
export class DeviceError extends Error {
  constructor(description) {
    super(description.message);
    Object.assign(this, description);
  }
}

/** A device; the runtimes differ in `perform`, `open` and `close`. */
export class Device {
  /** Every status update since the device was started, oldest first. */
  statuses = [];

  /** Calls a function of the API and returns what it resolves with, or throws a `DeviceError`. */
  async call(name, ...args) {
    const outcome = await within(`${name}()`, this.perform(name, args));
    if (outcome.error) throw new DeviceError(outcome.error);
    return outcome.value;
  }

  /** Ends the app and starts it anew, on the same storage. */
  async restart() {
    await this.close();
    this.statuses = [];
    await this.open();
  }

  /** Waits until the status listener has heard what `isExpected` accepts; what came before that is forgotten. */
  async hears(what, isExpected) {
    const index = await eventually(what, () => {
      const found = this.statuses.findIndex(isExpected);
      return found >= 0 && found + 1;
    });
    return this.statuses.splice(0, index).at(-1);
  }
}
