/** What the build makes and hands to the bundler under these names. */

declare module "generated/glue" {
  /** The functions that the core exports, and those that it imports. */
  export interface Glue {
    readonly [name: string]: (...args: unknown[]) => unknown;
  }
  /** Makes a glue that shares nothing with any other. */
  export function createGlue(): Glue;
}

declare module "generated/core.wasm.lzma" {
  /** The bytes, packed by LZMA and written in base64. */
  const base64: string;
  export default base64;
}

declare module "generated/core-javascript" {
  /** Makes an instance of the core as plain JavaScript. */
  export function createCore(imports: Record<string, object>): Record<string, unknown>;
}

declare module "core-webassembly" {
  /** That of `webassembly.ts`, which becomes a file of its own. */
  export const loadCore: typeof import("./webassembly.js").loadCore;
}
