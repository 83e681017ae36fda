// The decoder that unpacks the core: what it gives back, and that no damage gets past it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { build } from "esbuild";
import { ROOT } from "../e2e/support/artifacts.mjs";

const generated = join(ROOT, "target/wasm/release/generated");
const packed = new Uint8Array(readFileSync(join(generated, "core.wasm.lzma")));
let unpackLzma;

before(async () => {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, "js/engine/lzma.ts")],
    format: "esm",
    write: false,
  });
  const source = Buffer.from(outputFiles[0].contents).toString("base64");
  ({ unpackLzma } = await import(`data:text/javascript;base64,${source}`));
});

test("the packed core unpacks to the module that was packed", () => {
  const module = readFileSync(join(generated, "core.wasm"));
  assert.ok(module.equals(unpackLzma(packed)));
});

test("a core that is cut off anywhere is refused", () => {
  for (const size of [0, 1, 12, 17, 18, packed.length >> 1, packed.length - 1]) {
    assert.throws(() => unpackLzma(packed.slice(0, size)), `${size} bytes`);
  }
});

test("a core with bytes after its end is refused", () => {
  assert.throws(() => unpackLzma(new Uint8Array([...packed, 0])), /damaged/);
});

test("a core with one wrong bit is refused", () => {
  // The setting, the unpacked size, and bytes from all over the rest.
  const places = [
    0,
    5,
    6,
    ...Array.from({ length: 20 }, (_, step) => 14 + Math.floor(((packed.length - 15) * step) / 19)),
  ];
  for (const place of places) {
    const damaged = packed.slice();
    damaged[place] ^= 1;
    assert.throws(() => unpackLzma(damaged), /damaged/, `byte ${place}`);
  }
});
