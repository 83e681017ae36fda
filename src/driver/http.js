/**
 * One request to the platform, by a `fetch` that may be anybody's: the runtime's, a tool's that has wrapped it, or the
 * app's own. Whatever it does, the request ends by its deadline, and what it holds is bounded.
 *
 * In JavaScript, like the transactions of the queue: as futures it was three times the code.
 */

/** The longest response that can be one of the platform's, in bytes. */
const LONGEST = 64 * 1024;

/**
 * Whether `fetch` takes no signals of this runtime: in a test's imitation of a page they are the imitation's, and `fetch`
 * is Node's. And whether it may have refused one in words of its own: then the next request has none.
 */
let refusesSignals = false;
let doubtsSignals = false;

/**
 * Performs a request `{origin, path, method, bearer, body, keepalive, isStream, ms}`.
 *
 * @returns A promise of `{status, retryAfter, text, bytes}`, where `text` is missing if it is too long or none; of
 *   `{status, retryAfter, stream}` for a stream that has begun; of `null` where the deadline has passed. It rejects with
 *   what was thrown.
 */
export async function exchange(fetch, request, controller) {
  let giveUp, timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => {
      resolve(null);
      controller?.abort();
      giveUp?.();
    }, request.ms);
    timer.unref?.();
  });
  try {
    return await Promise.race([perform(fetch, request, controller?.signal, (end) => (giveUp = end)), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function perform(fetch, request, signal, onReading) {
  const response = await send(fetch, request, signal);
  const { status, headers } = response ?? {};
  const retryAfter = headers?.get?.("retry-after");
  const isElsewhere = leftOrigin(response, request.origin);
  if (request.isStream && status === 200 && !isElsewhere) return { status, retryAfter, stream: response };
  return { status, retryAfter, ...(await read(response, isElsewhere, onReading)) };
}

async function send(fetch, request, signal) {
  const { origin, path, method, bearer, body, keepalive, isStream } = request;
  const headers = { Accept: isStream ? "text/event-stream" : "application/json" };
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  if (body) headers["Content-Type"] = "application/json";
  const init = {
    method,
    headers,
    // No cookie goes along, and no cache keeps a token.
    credentials: "omit",
    cache: "no-store",
    referrerPolicy: "no-referrer",
    // The body holds a secret that is meant for this host.
    redirect: "error",
  };
  if (body) init.body = body;
  if (keepalive) init.keepalive = true;
  const isSigned = signal && !refusesSignals && (isStream || !doubtsSignals);
  if (isSigned) init.signal = signal;
  try {
    return await fetch(origin + path, init);
  } catch (error) {
    if (isSigned && /signal/i.test(error?.message) && !signal.aborted) {
      // From now on the deadline alone holds.
      refusesSignals = true;
      return send(fetch, request);
    }
    doubtsSignals = Boolean(isSigned && !signal.aborted);
    throw error;
  }
}

/**
 * Whether the response is another host's. React Native's `fetch` follows redirects whatever it is told, and does not say
 * `redirected`: https://github.com/JakeChampion/fetch#redirect-modes
 */
function leftOrigin(response, platformUrl) {
  const { redirected, url } = response ?? {};
  if (typeof redirected === "boolean") return redirected;
  const [origin] = /^\w+:\/\/[^/]*/.exec(platformUrl);
  return /^http/.test(url) && !url.startsWith(`${origin}/`);
}

/**
 * Reads at most so many bytes, and lets go of the connection where there are more. A runtime without streams (React
 * Native) holds the whole body before anybody sees it; there, only a length that is told beforehand keeps it out.
 */
async function read(response, isUnwanted, onReading) {
  const body = response?.body;
  // Of a compressed body the length is that before decompression, so what is read is counted all the same.
  if (isUnwanted || response?.headers?.get?.("content-length") > LONGEST) {
    body?.cancel?.().catch(() => {});
    return {};
  }
  if (typeof TextDecoder !== "function" || !body?.getReader) {
    const text = await response?.text?.();
    const bytes = text?.length ?? 0;
    return bytes > LONGEST ? { bytes } : { bytes, text };
  }
  const reader = body.getReader();
  const giveUp = () => reader.cancel().catch(() => {});
  onReading(giveUp);
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { bytes, text: text + decoder.decode() };
    bytes += value.length;
    if (bytes > LONGEST) {
      void giveUp();
      return { bytes };
    }
    text += decoder.decode(value, { stream: true });
  }
}
