// An app in a process of its own, so that its memory is the SDK's and hardly anything else's: does what the test says, and
// measures. Its arguments are the package's entry and the platform's address.

import { pathToFileURL } from "node:url";
import { WORK } from "../../support/endurance.mjs";

const [entry, platformUrl] = process.argv.slice(2);
const { instantiate } = WebAssembly;
let memory;
WebAssembly.instantiate = async (...args) => {
  const started = await instantiate(...args);
  // Node's own `fetch` instantiates a module, too, which it has compiled before.
  if (started.instance) ({ memory } = started.instance.exports);
  return started;
};

globalThis.sdk = await import(pathToFileURL(entry).href);
await globalThis.sdk.initialize({ platformUrl, storage: "memory", logger: null });

const jobs = {
  ...WORK,
  async measure() {
    // What is freed by a finalizer is collected by the next round.
    for (let round = 0; round < 5; round += 1) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return { heap: process.memoryUsage().heapUsed, core: memory.buffer.byteLength };
  },
};
process.on("message", async ({ job, argument }) => {
  try {
    process.send({ value: await jobs[job](argument) });
  } catch (error) {
    process.send({ error: String(error) });
  }
});
process.send({ value: "ready" });
