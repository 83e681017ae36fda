/** The door to the core's functions that exist only in the build for fault tests. */
import { call } from "../../../js/core.js";

/** Makes the core panic in the middle of this call. */
export function breakCore(): Promise<unknown> {
  return call("panicForTest", []);
}
