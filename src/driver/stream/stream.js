/**
 * Reads server-sent events from the body of an answer, and lets go of the connection that brings them.
 *
 * In JavaScript, like the transactions of the queue: as futures it was three times the code.
 *
 * Of the format the platform uses little, so little is read: each `data` line is a word of its own, and every other
 * line only shows that the connection lives.
 */

/** The longest line, in characters: no word of the platform's is longer. */
const LONGEST_LINE = 64 * 1024;
/** What the path of a request for events ends with. */
const PATH = "/sdk/v1/events";

/** Whether connections are let go of, once that was tried, and how many were. */
let lets;
let released = 0;

/**
 * Whether this runtime could have a `fetch` that streams. React Native's own hands out an answer when it is complete,
 * which a stream never is.
 */
export function canStream() {
  return typeof ReadableStream === "function" && typeof TextDecoder === "function";
}

/**
 * Reads the body of `response` to its end.
 *
 * @param onWord - Gets the text of each word.
 * @param firstMs - How long the first word may take.
 * @param silenceMs - How long the stream may be silent afterwards.
 * @returns A promise of the number of bytes; -1 where the stream was silent for too long, `null` where the body is no
 *   stream of events, or would keep a Node process alive. It rejects where the connection breaks, and where a line has no
 *   end.
 */
export async function readWords(response, onWord, firstMs, silenceMs) {
  const type = response.headers.get("content-type");
  if (!type?.startsWith("text/event-stream") || !response.body?.getReader) return null;
  // A page that Node imitates may have a `fetch` of its own (happy-dom), whose connection can't be let go of.
  if (lets && released === 0) return null;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  let patience = firstMs;
  let isLate = false;
  let timer;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      isLate = true;
      // Ends the reading at once, also where the connection does not notice.
      reader.cancel().catch(() => {});
    }, patience);
    timer.unref?.();
  };
  try {
    for (watch(); ; patience === silenceMs && watch()) {
      const { done, value } = await reader.read();
      if (done) return isLate ? -1 : bytes;
      bytes += value.length;
      const lines = (text + decoder.decode(value, { stream: true })).split("\n");
      text = lines.pop();
      if (text.length > LONGEST_LINE) throw new Error("a line without an end");
      for (const line of lines) {
        if (!line.startsWith("data:")) continue;
        patience = silenceMs;
        onWord(line.slice(5));
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

/**
 * In Node: from now on, no connection that brings events keeps the process alive. Returns whether that can be had.
 *
 * Node's `fetch` does not hand out its connections, but tells of each request that it is about to send, together with
 * the socket. When the request is over, it takes care of the socket again.
 */
export function letGoOfStreams() {
  if (lets !== undefined) return lets;
  const { versions, getBuiltinModule } = globalThis.process ?? {};
  // Those who imitate Node have another `fetch`.
  lets = Boolean(
    getBuiltinModule && versions?.undici && !versions.bun && !versions.deno && !versions.electron,
  );
  if (lets) {
    getBuiltinModule("node:diagnostics_channel").subscribe(
      "undici:client:sendHeaders",
      ({ request, socket }) => {
        if (!request.path.endsWith(PATH)) return;
        socket.unref();
        released += 1;
      },
    );
  }
  return lets;
}
