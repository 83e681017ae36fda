/** The package's public face: its members by name and as the default export, and its types. */
import * as api from "./api.js";
import type { SentianceCoreFunctions } from "./sentiance-core.js";

/** The default export: every member of the package under its name. */
export interface SentianceCoreModule extends SentianceCoreFunctions {
  readonly transportModes: typeof api.transportModes;
  readonly TransportMode: typeof api.TransportMode;
  readonly NO_OP_LINKER: typeof api.NO_OP_LINKER;
  readonly SdkInitializationError: typeof api.SdkInitializationError;
  readonly SentianceError: typeof api.SentianceError;
  readonly isSentianceError: typeof api.isSentianceError;
}

const sentianceCore: SentianceCoreModule = { ...api };

export default sentianceCore;
export * from "./api.js";
export type { Capabilities, Capability } from "./capabilities.js";
export type { SentianceErrorFields } from "./errors.js";
export type { PendingSubscription, SentianceCore, SentianceCoreFunctions } from "./sentiance-core.js";
export type * from "../src/types.js";
