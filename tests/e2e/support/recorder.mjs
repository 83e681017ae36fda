// A proxy on the wire between SDK and platform: it writes down what is sent, can lose answers, and can answer itself.

import { createServer, request as forward } from "node:http";
import { once } from "node:events";

/** Stands for every path. */
export const EVERYTHING = "*";

/**
 * Starts a proxy to the platform on the loopback interface.
 *
 * `url` is what the SDK is given; `requests` lists every request that arrived, as `{method, path, status, at, bytes,
 * isOpen}`, preflights excepted; `status` is 0 for one that got no answer from the platform, `at` counts milliseconds,
 * `bytes` is the length of the body, `isOpen` says that the answer has not ended.
 * `loseNextAnswerOf(path)` lets the platform do its work once and breaks the connection before the answer is passed on.
 * `options.standsFor`: requests of pages without an origin are passed on as those of this one.
 * `answerInstead(path, answer, times)` keeps that many requests from the platform, by default all: `answer` gets the
 * response to write to. `passOn(path)` ends that. The path `EVERYTHING` stands for all that have no stand-in of their own.
 */
export async function startRecorder(scope, platform, { standsFor } = {}) {
  const requests = [];
  const lossy = new Set();
  const standIns = new Map();
  const server = createServer((incoming, outgoing) => {
    const bytes = Number(incoming.headers["content-length"] ?? 0);
    const record = {
      method: incoming.method,
      path: incoming.url,
      status: 0,
      at: performance.now(),
      bytes,
      isOpen: true,
    };
    outgoing.on("close", () => (record.isOpen = false));
    if (incoming.method !== "OPTIONS") requests.push(record);
    const standIn = standIns.get(incoming.url) ?? standIns.get(EVERYTHING);
    if (standIn && incoming.method !== "OPTIONS" && standIn.left-- > 0) {
      incoming.resume();
      standIn.answer(outgoing);
      return;
    }
    const target = new URL(incoming.url, platform.url);
    const { method, headers } = incoming;
    const isStoodFor = standsFor && headers.origin === "null";
    if (isStoodFor) headers.origin = standsFor;
    const onward = forward(target, { method, headers }, (answer) => {
      if (isStoodFor) answer.headers["access-control-allow-origin"] = "null";
      if (incoming.method !== "OPTIONS" && lossy.delete(incoming.url)) {
        answer.resume();
        answer.on("end", () => incoming.socket.destroy());
        return;
      }
      record.status = answer.statusCode;
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
      // A connection that breaks on that side breaks on this one, too.
      answer.on("close", () => answer.complete || incoming.socket.destroy());
    });
    onward.on("error", () => incoming.socket.destroy());
    // Whoever does not wait for the end of a stream must not be waited for, either.
    outgoing.on("close", () => onward.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  scope.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    loseNextAnswerOf: (path) => lossy.add(path),
    answerInstead: (path, answer, times = Infinity) => standIns.set(path, { answer, left: times }),
    passOn: (path) => standIns.delete(path),
  };
}
