/** The linker that does not link. */
import type { NoOpLinker } from "../src/types.js";

/** Passed as `linker` to `createUser`, it makes a user that stays unlinked. Told by identity: no other object does. */
export const NO_OP_LINKER = Object.freeze({}) as NoOpLinker;
