// The UTF-8 codec of the react-native entry, held against the one of the standard.

import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { build } from "esbuild";
import { ROOT } from "../e2e/support/artifacts.mjs";

const standard = {
  encoder: new TextEncoder(),
  decoder: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }),
};
let own;

before(async () => {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, "js/engine/utf8.ts")],
    bundle: true,
    format: "esm",
    write: false,
  });
  const source = Buffer.from(outputFiles[0].contents).toString("base64");
  const codec = await import(`data:text/javascript;base64,${source}`);
  own = { encoder: new codec.TextEncoder(), decoder: new codec.TextDecoder() };
});

/** Texts around every border of the encoding, and every kind of unpaired surrogate. */
const TEXTS = [
  "",
  "\0",
  "\x7f\x80\u07ff\u0800\ufffd\uffff\u{10000}\u{10ffff}",
  "\ufeffbyte order mark",
  "grüße, 世界, 😀👩‍👩‍👧",
  "\ud800",
  "\udc00",
  "a\ud800",
  "\ud800b",
  "\udc00\ud800",
  "\ud800\ud800\udc00\udc00",
];

test("text is encoded as by the standard", () => {
  for (const text of TEXTS) {
    assert.deepEqual([...own.encoder.encode(text)], [...standard.encoder.encode(text)], JSON.stringify(text));
  }
});

test("every code point is encoded and decoded as by the standard", () => {
  for (let point = 0; point <= 0x10ffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const text = String.fromCodePoint(point);
    const bytes = own.encoder.encode(text);
    if (own.decoder.decode(bytes) !== text) assert.fail(`U+${point.toString(16)}`);
  }
});

test("encoding stops where the target is full, in front of a character that does not fit", () => {
  for (let room = 0; room <= 12; room++) {
    const text = "aé€😀z";
    const [ours, theirs] = [new Uint8Array(room), new Uint8Array(room)];
    assert.deepEqual(own.encoder.encodeInto(text, ours), standard.encoder.encodeInto(text, theirs));
    assert.deepEqual(ours, theirs);
  }
});

test("bytes are decoded or refused as by the standard", () => {
  const interesting = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf];
  interesting.push(0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff);
  const outcome = (decoder, bytes) => {
    try {
      return decoder.decode(bytes);
    } catch (error) {
      return error.constructor.name;
    }
  };
  const visit = (bytes) => {
    const input = new Uint8Array(bytes);
    assert.equal(outcome(own.decoder, input), outcome(standard.decoder, input), bytes.join());
    if (bytes.length < 4) for (const byte of interesting) visit([...bytes, byte]);
  };
  visit([]);
});
