// The four files that applications load, and a world for the core in which nothing leaves the process.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../e2e/support/artifacts.mjs";

const require = createRequire(import.meta.url);
let copies = 0;

/** What `npm pack` ships. */
export const PACKAGE = join(ROOT, "pkg");

/** The same, with a function that breaks the core. */
export const FAULTY_PACKAGE = join(ROOT, "target/wasm/fault-injection/pkg");

/** The entries by the engine that runs the core. */
export const ENGINES = [
  { engine: "WebAssembly", file: "index" },
  { engine: "JavaScript", file: "react-native" },
];

/** Loads an entry anew, as a page does after a reload: nothing is shared with what was loaded before. */
export function importFresh(file, folder = PACKAGE) {
  return import(`${pathToFileURL(join(folder, `${file}.js`))}?copy=${++copies}`);
}

/** Loads an entry through `require`. */
export function requireEntry(file, folder = PACKAGE) {
  return require(join(folder, `${file}.cjs`));
}

/**
 * Options of `initialize` with which the SDK talks to nobody: the platform is a function.
 *
 * @param answer - Makes the body of the answer from a request's body; by default a user is created.
 */
export function offlineOptions(answer = () => createdUser()) {
  const fetch = async (url, init) =>
    new Response(JSON.stringify(answer(JSON.parse(init.body ?? "{}"), url)), { status: 201 });
  return { platformUrl: "http://localhost:1", storage: "memory", fetch, logger: null };
}

/** The platform's answer to a creation. */
export function createdUser(accessToken = "sat_1") {
  return {
    user_id: "0123456789abcdef01234567",
    linked: true,
    install_state: "active",
    token: {
      access_token: accessToken,
      expires_at: Date.now() + 86_400_000,
      refresh_token: "srt_1",
      generation: 1,
    },
    config: { status_poll_seconds: 3600 },
    server_time: Date.now(),
  };
}

/** Replaces a global for the time of a test. */
export function replaceGlobal(t, name, descriptor) {
  const original = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { configurable: true, ...descriptor });
  t.after(() => {
    if (original) Object.defineProperty(globalThis, name, original);
    else delete globalThis[name];
  });
}
