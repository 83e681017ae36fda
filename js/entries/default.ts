/**
 * The default entry: browsers, Node, Deno, Bun and server-side rendering load this file, all of them the same.
 *
 * The core comes as a chunk of its own behind a dynamic `import()`: an application pays for it at the first call, and
 * every bundler knows what to do with it.
 */
import { loadCoreWith } from "../core.js";
import { loadWebAssembly } from "../engine/load-webassembly.js";

loadCoreWith(loadWebAssembly);

export * from "../index.js";
export { default } from "../index.js";
