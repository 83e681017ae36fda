/** The default entry of the build for fault tests: with a function that breaks the core. */
import { loadCoreWith } from "../../../js/core.js";
import { loadWebAssembly } from "../../../js/engine/load-webassembly.js";

loadCoreWith(loadWebAssembly);

export * from "../../../js/index.js";
export { breakCore } from "./break-core.js";
