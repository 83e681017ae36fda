/** The door to the core's functions that exist only in the build for fault tests. */
import { call } from "../../../js/core.js";

/** Makes the core stop in the middle of this call: by a panic, or since its stack or its memory is exhausted. */
export function breakCore(how: "panic" | "swallowed panic" | "stack" | "memory" = "panic"): Promise<unknown> {
  return call("breakForTest", [how]);
}
