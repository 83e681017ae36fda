// Remembers what a command has started, and ends it in the opposite order.

/** Has the `after` of a test's context, so that the demo and the measurements use the same building blocks. */
export class Scope {
  #cleanUps = [];

  /** Runs `cleanUp` when the scope is closed. */
  after(cleanUp) {
    this.#cleanUps.push(cleanUp);
  }

  /** Ends everything, what was started last first. */
  async close() {
    while (this.#cleanUps.length > 0) await this.#cleanUps.pop()();
  }
}
