/**
 * What others throw at the SDK (an app's `fetch`, storage or linker, or the runtime's own), made fit to be shown.
 *
 * Some errors hold the request that failed, and with it a token, or quote the record that they could not store. No error
 * of the SDK, and no line in a log, may hold a secret.
 */

/** Tokens and secrets with their prefixes (protocol/src/lib.rs), authentication codes, and idempotency keys. */
const SECRET = /s[a-z]{2}_[\w-]{16,}|[\da-f]{32,}/gi;
/** The kinds of objects whose properties are all there is to see of them. */
const PLAIN = /Object|Array|Error|Exception/;
/** How much is said, in characters, and how many objects are looked through. */
const LONGEST = 300;
const MOST_OBJECTS = 50;

/** What was thrown last, by the place: the cause of the error that the core makes of it. */
const last = {};

/** Remembers what was thrown at a place, and returns what it says. */
export function note(place, thrown) {
  last[place] = { thrown };
  return describe(thrown);
}

/** That place has succeeded. */
export function forget(place) {
  delete last[place];
}

/** What led to an error with these details; `undefined` where nothing was thrown. */
export function causeOf(place, details) {
  if (!last[place]) return undefined;
  const { thrown } = last[place];
  // A `fetch` is not quoted, and whatever is quoted led to it.
  return place === "fetch" || details.includes(describe(thrown)) ? harmless(thrown) : undefined;
}

/** What a thrown value says, for a developer. Never throws. */
export function describe(thrown) {
  try {
    const told = [thrown.name, thrown.message].filter((text) => text && typeof text === "string").join(": ");
    const why = thrown.cause?.code ?? thrown.cause?.message;
    const text = (told || (typeof thrown === "string" ? thrown : "unknown error")) + (why ? ` (${why})` : "");
    return text.replace(SECRET, "…").slice(0, LONGEST);
  } catch {
    return "unknown error";
  }
}

/** The thrown value itself; or, where it may hold a secret, an error that says the same without. */
function harmless(thrown) {
  try {
    if (!holdsSecret(thrown, new Set())) return thrown;
  } catch {
    // A proxy, or a getter that throws.
  }
  return new Error(describe(thrown));
}

function holdsSecret(value, seen) {
  if (typeof value === "string") return value.search(SECRET) >= 0;
  if (Object(value) !== value || typeof value === "function" || seen.has(value)) return false;
  // A `Headers`, a `Request` or a socket shows more than can be read here.
  if (seen.add(value).size > MOST_OBJECTS || !PLAIN.test(Object.prototype.toString.call(value))) return true;
  return ["name", "message", "stack", "cause", ...Reflect.ownKeys(value)].some((key) =>
    holdsSecret(value[key], seen),
  );
}
