/** The `react-native` entry of the build for fault tests: with a function that breaks the core. */
import { loadCoreWith } from "../../../js/core.js";
import { loadCore } from "../../../js/engine/javascript.js";

loadCoreWith(loadCore);

export * from "../../../js/index.js";
export { breakCore } from "./break-core.js";
