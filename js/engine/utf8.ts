/**
 * UTF-8, in the shape of `TextEncoder` and `TextDecoder` as far as the glue uses them. React Native's engine lacks
 * these, or has polyfills that are slow or return something else than a string.
 */

/** Encodes text. A surrogate without its partner becomes U+FFFD, as the standard wants it. */
export class TextEncoder {
  encode(text = ""): Uint8Array {
    // No UTF-16 unit takes more than three bytes.
    const buffer = new Uint8Array(text.length * 3);
    return buffer.slice(0, this.encodeInto(text, buffer).written);
  }

  encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
    let read = 0;
    let written = 0;
    while (read < text.length) {
      const point = codePointAt(text, read);
      const size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      if (written + size > target.length) break;
      if (size === 1) {
        target[written++] = point;
      } else {
        // The first byte tells the size by its leading ones; each of the others holds six bits.
        let shift = 6 * (size - 1);
        target[written++] = ((0xf00 >> size) & 0xff) | (point >> shift);
        while (shift > 0) {
          shift -= 6;
          target[written++] = 0x80 | ((point >> shift) & 0x3f);
        }
      }
      read += size === 4 ? 2 : 1;
    }
    return { read, written };
  }
}

/** Decodes bytes. What is not UTF-8 is refused with a `TypeError`; a byte order mark is text like any other. */
export class TextDecoder {
  decode(bytes?: Uint8Array): string {
    if (!bytes) return "";
    let text = "";
    for (let at = 0; at < bytes.length;) {
      const first = bytes[at++]!;
      const more =
        first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
      if (more < 0 || at + more > bytes.length) throw malformed();
      let point = more === 0 ? first : first & (0x3f >> more);
      for (let count = 0; count < more; count++) {
        const next = bytes[at++]!;
        if ((next & 0xc0) !== 0x80) throw malformed();
        point = (point << 6) | (next & 0x3f);
      }
      const smallest = more === 2 ? 0x800 : more === 3 ? 0x10000 : 0;
      if (point < smallest || point > 0x10ffff || isSurrogate(point)) throw malformed();
      text += String.fromCodePoint(point);
    }
    return text;
  }
}

function codePointAt(text: string, at: number): number {
  const point = text.codePointAt(at)!;
  return isSurrogate(point) ? 0xfffd : point;
}

function isSurrogate(point: number): boolean {
  return point >= 0xd800 && point <= 0xdfff;
}

function malformed(): TypeError {
  return new TypeError("The bytes are not valid UTF-8");
}
