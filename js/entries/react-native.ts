/**
 * The `react-native` entry: Metro loads this file, for Hermes has no WebAssembly. One file, nothing loaded later,
 * since a React Native bundle has no chunks.
 */
import { loadCoreWith } from "../core.js";
import { loadCore } from "../engine/javascript.js";

loadCoreWith(loadCore);

export * from "../index.js";
export { default } from "../index.js";
