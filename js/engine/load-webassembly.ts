/** Loads the chunk with the core, and tells a runtime that refuses WebAssembly from one that failed this once. */
import { CoreUnavailable, type LoadCore } from "./core-module.js";

export const loadWebAssembly: LoadCore = async (onTrap) => {
  if (typeof WebAssembly === "undefined") {
    throw new CoreUnavailable(false, "this runtime has no WebAssembly, or has it switched off.");
  }
  const { loadCore } = await import("core-webassembly").catch((cause: unknown) => {
    throw new CoreUnavailable(true, "the file with the SDK's core could not be loaded. Call again.", cause);
  });
  try {
    return await loadCore(onTrap);
  } catch (cause) {
    if (cause instanceof WebAssembly.CompileError || cause instanceof EvalError) {
      throw new CoreUnavailable(
        false,
        "this runtime refused to compile WebAssembly. Where the page has a Content-Security-Policy, add " +
          "'wasm-unsafe-eval' to its script-src.",
        cause,
      );
    }
    throw new CoreUnavailable(true, "the SDK's core could not be started. Call again.", cause);
  }
};
