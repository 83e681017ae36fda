/** The runtime's own UTF-8 codec, and ours where it has none. */
import * as own from "./utf8.js";

const runtime = globalThis as { TextEncoder?: unknown; TextDecoder?: unknown };

export const TextEncoder = runtime.TextEncoder ?? own.TextEncoder;
export const TextDecoder = runtime.TextDecoder ?? own.TextDecoder;
