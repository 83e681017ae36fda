/**
 * Unpacks LZMA, written from the public specification of the format. The core is most of what an application
 * downloads, and deflate, for which there are small libraries, leaves a tenth more of it. The decoders on npm are
 * larger than what they would save: they come with their encoders.
 *
 * The build packs with one setting, in which nothing depends on a byte's position, so none of that is here.
 */

/** The file's first byte: the setting. So many bits of the byte before choose the probabilities of a literal. */
const SETTING = 3;
const CONTEXT_BITS = SETTING;
/** Where the unpacked size stands: after the setting and the size of a dictionary, which need not be limited. */
const SIZE_AT = 5;
/** Where the packed bytes start: the range coder's first is always zero. */
const CODE_AT = 14;

/** What came last, a literal (below 7) or a match, and what before it. */
const STATES = 12;
const AFTER_MATCH = 7;

// Where each kind of decision has its probabilities, all in one array.
const IS_MATCH = 0;
const IS_REPEAT = IS_MATCH + STATES;
const IS_NOT_LATEST = IS_REPEAT + STATES;
const IS_NOT_SECOND = IS_NOT_LATEST + STATES;
const IS_FOURTH = IS_NOT_SECOND + STATES;
const IS_LONG = IS_FOURTH + STATES;
/** Shorter matches are not worth it. */
const SHORTEST = 2;
/** A length: two choices, then a tree of 3, 3 or 8 bits. */
const MATCH_LENGTH = IS_LONG + STATES;
const LENGTH_TREES = [2, 2 + 8, 2 + 8 + 8] as const;
const REPEAT_LENGTH = MATCH_LENGTH + 2 + 8 + 8 + 256;
/** A distance's slot (its two highest bits and their place): a tree of 6 bits for each of the 4 shortest lengths. */
const SLOT = REPEAT_LENGTH + 2 + 8 + 8 + 256;
/** What is below the slot in a medium distance, and the 4 lowest bits of a long one. */
const BELOW_SLOT = SLOT + 4 * 64;
const LOWEST = BELOW_SLOT + 128;
/** A literal: in each context a tree for use after a literal, and two for use after a match. */
const LITERAL = LOWEST + 16;
const LITERAL_TREES = 0x300;
const PROBABILITIES = LITERAL + (LITERAL_TREES << CONTEXT_BITS);

// The range coder's two numbers.
const RANGE = 0;
const CODE = 1;
/** A probability has 11 bits, and moves by a 32nd of the way each time. */
const CERTAIN = 1 << 11;
const PACE = 5;

/**
 * Unpacks an `.lzma` file that the build has made.
 *
 * @throws {Error} The file is cut off or damaged.
 */
export function unpackLzma(packed: Uint8Array): Uint8Array<ArrayBuffer> {
  const header = new DataView(packed.buffer, packed.byteOffset);
  const bytes = new Uint8Array(header.getUint32(SIZE_AT, true));
  const probabilities = new Uint16Array(PROBABILITIES).fill(CERTAIN / 2);
  // Not two variables: engines would allocate memory for each new number of 32 bits.
  const coder = new Uint32Array([0xffffffff, header.getUint32(CODE_AT)]);
  let from = CODE_AT + 4;
  let position = 0;
  let state = 0;
  /** Those of the last four matches, the latest first. */
  let distances = [1, 1, 1, 1];

  /** Whether the code lies above `bound`. Its side of the bound is the range from here on. */
  function isAbove(bound: number): 0 | 1 {
    let range = coder[RANGE]!;
    let code = coder[CODE]!;
    const above = code < bound ? 0 : 1;
    if (above) {
      range -= bound;
      code -= bound;
    } else {
      range = bound;
    }
    if (range < 0x1000000) {
      range *= 0x100;
      // A byte past the end counts as zero: the check at the end finds that there were too few.
      code = code * 0x100 + (packed[from++] ?? 0);
    }
    coder[RANGE] = range;
    coder[CODE] = code;
    return above;
  }

  /** A bit, by the probability at `at`, which learns from it. */
  function bit(at: number): 0 | 1 {
    const probability = probabilities[at]!;
    const value = isAbove((coder[RANGE]! >>> 11) * probability);
    probabilities[at] = probability + (value ? -(probability >> PACE) : (CERTAIN - probability) >> PACE);
    return value;
  }

  /** A number of `count` bits, the highest first. Each has a probability for every value of those before. */
  function number(at: number, count: number): number {
    let node = 1;
    for (let left = count; left > 0; left--) node = (node << 1) | bit(at + node);
    return node - (1 << count);
  }

  /** The same, the lowest bit first. */
  function reversedNumber(at: number, count: number): number {
    let node = 1;
    let value = 0;
    for (let place = 0; place < count; place++) {
      const next = bit(at + node);
      node = (node << 1) | next;
      value |= next << place;
    }
    return value;
  }

  /** The length of a match, beyond the shortest possible. */
  function length(at: number): number {
    if (!bit(at)) return number(at + LENGTH_TREES[0], 3);
    if (!bit(at + 1)) return 8 + number(at + LENGTH_TREES[1], 3);
    return 16 + number(at + LENGTH_TREES[2], 8);
  }

  /** The distance of a match, beyond the shortest possible. `extra` is the match's length as `length` tells it. */
  function distance(extra: number): number {
    const slot = number(SLOT + 64 * Math.min(extra, 3), 6);
    if (slot < 4) return slot;
    let below = (slot >> 1) - 1;
    let value = 2 | (slot & 1);
    if (slot < 14) {
      value <<= below;
      return value + reversedNumber(BELOW_SLOT + value - slot, below);
    }
    for (; below > 4; below--) {
      // Bits without a probability, for which the range has to be even.
      coder[RANGE]! &= ~1;
      value = (value << 1) | isAbove(coder[RANGE]! / 2);
    }
    return (value << 4) + reversedNumber(LOWEST, 4);
  }

  /** The next byte where no match stands: after a match the byte that would have followed there tells something. */
  function literal(): number {
    let expected = state < AFTER_MATCH ? 0 : bytes[position - distances[0]!]!;
    let asExpected = state < AFTER_MATCH ? 0 : 0x100;
    const trees = LITERAL + LITERAL_TREES * (bytes[position - 1]! >> (8 - CONTEXT_BITS));
    let node = 1;
    while (node < 0x100) {
      expected <<= 1;
      const hint = expected & asExpected;
      const next = bit(trees + asExpected + hint + node);
      node = (node << 1) | next;
      if (hint >> 8 !== next) asExpected = 0;
    }
    return node - 0x100;
  }

  while (position < bytes.length) {
    const afterMatch = state >= AFTER_MATCH;
    if (!bit(IS_MATCH + state)) {
      bytes[position] = literal();
      position++;
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      continue;
    }
    let count = 1;
    if (!bit(IS_REPEAT + state)) {
      const beyond = length(MATCH_LENGTH);
      count = SHORTEST + beyond;
      distances = [1 + distance(beyond), ...distances.slice(0, 3)];
      state = afterMatch ? 10 : 7;
    } else {
      const which = !bit(IS_NOT_LATEST + state)
        ? 0
        : !bit(IS_NOT_SECOND + state)
          ? 1
          : 2 + bit(IS_FOURTH + state);
      distances.unshift(...distances.splice(which, 1));
      if (which === 0 && !bit(IS_LONG + state)) {
        state = afterMatch ? 11 : 9;
      } else {
        count = SHORTEST + length(REPEAT_LENGTH);
        state = afterMatch ? 11 : 8;
      }
    }
    // Byte by byte, since a match may reach into itself.
    for (; count > 0; count--, position++) bytes[position] = bytes[position - distances[0]!]!;
  }
  // All that was packed leads to exactly this state; a byte that is missing or wrong, to another.
  if (packed[0] !== SETTING || coder[CODE] !== 0 || from !== packed.length || position !== bytes.length) {
    throw new Error("the packed bytes are damaged");
  }
  return bytes;
}
