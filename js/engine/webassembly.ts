/**
 * The core as WebAssembly: the chunk that the default entry loads at the first call.
 *
 * The bytes are inside the code: there is no second file that a bundler could lose, that a server could send with the
 * wrong type, or that a policy could keep from being fetched. They are packed first: base64 of what is packed already
 * costs next to nothing over the wire, base64 of the bytes themselves a quarter more.
 */
import packed from "generated/core.wasm.lzma";
import { createGlue } from "generated/glue";
import { decodeBase64 } from "./base64.js";
import type { LoadCore } from "./core-module.js";
import { unpackLzma } from "./lzma.js";
import { GLUE_MODULE, startCore } from "./start.js";

export const loadCore: LoadCore = async (onTrap) => {
  const glue = createGlue();
  const bytes = unpackLzma(decodeBase64(packed));
  // Not `new WebAssembly.Module`: browsers refuse to compile synchronously on the page's own thread.
  const { instance } = await WebAssembly.instantiate(bytes, { [GLUE_MODULE]: glue });
  return startCore(glue, instance.exports, onTrap);
};
