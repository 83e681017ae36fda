/** Joins an instance's two halves: compiled Rust and the glue that gives it JavaScript's values. */
import type { Glue } from "generated/glue";
import type { RunningCore } from "./core-module.js";
import { fence, type RawExports } from "./fence.js";

/** The module name under which the compiled code imports the glue; the build checks that it imports nothing else. */
export const GLUE_MODULE = "./sentiance_core_bg.js";

/**
 * Starts an instance.
 *
 * @param glue - A glue of its own: what the glue keeps belongs to one instance.
 * @param rawExports - What the compiled code exports.
 * @param onTrap - See `LoadCore`.
 */
export function startCore(glue: Glue, rawExports: RawExports, onTrap: (cause: unknown) => void): RunningCore {
  /** What it holds of the browser's, it can give back itself no more when it has ended. */
  const giveBack = new Set<() => void>();
  const end = () => giveBack.forEach((one) => one());
  const { exports, stop } = fence(rawExports, (cause) => {
    end();
    onTrap(cause);
  });
  glue.__wbg_set_wasm!(exports);
  (exports.__wbindgen_start as (() => void) | undefined)?.();
  glue.endWith!(giveBack);
  return {
    module: glue,
    stop() {
      stop();
      end();
    },
  };
}
