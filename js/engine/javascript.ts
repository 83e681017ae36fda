/** The core as plain JavaScript, for engines without WebAssembly: the same compiled Rust, translated by `wasm2js`. */
import { createCore } from "generated/core-javascript";
import { createGlue } from "generated/glue";
import type { LoadCore } from "./core-module.js";
import { GLUE_MODULE, startCore } from "./start.js";

export const loadCore: LoadCore = async (onTrap) => {
  const glue = createGlue();
  return startCore(glue, createCore({ [GLUE_MODULE]: glue }), onTrap);
};
