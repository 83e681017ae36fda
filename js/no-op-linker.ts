/** The linker that does not link. */
import type { NoOpLinker } from "../src/types.js";

/** The core tells the linker by this key: two copies of this package can live in one application. */
const BRAND = Symbol.for("@sentiance-react-native/core/no-op-linker");

/** Passed as `linker` to `createUser`, it makes a user that stays unlinked. No other object does. */
export const NO_OP_LINKER = Object.freeze({ [BRAND]: true }) as unknown as NoOpLinker;
