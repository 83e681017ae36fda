// A proxy on the wire between SDK and platform: it writes down what is sent, and can lose answers.

import { createServer, request as forward } from "node:http";
import { once } from "node:events";

/**
 * Starts a proxy to the platform on the loopback interface.
 *
 * `url` is what the SDK is given; `requests` lists every request that arrived, as `{method, path, status}`, preflights
 * excepted; `status` is 0 for one whose answer was lost. `loseNextAnswerOf(path)` lets the platform do its work once
 * and breaks the connection before the answer is passed on.
 */
export async function startRecorder(scope, platform) {
  const requests = [];
  const lossy = new Set();
  const server = createServer((incoming, outgoing) => {
    const record = { method: incoming.method, path: incoming.url, status: 0 };
    if (incoming.method !== "OPTIONS") requests.push(record);
    const target = new URL(incoming.url, platform.url);
    const onward = forward(target, { method: incoming.method, headers: incoming.headers }, (answer) => {
      if (incoming.method !== "OPTIONS" && lossy.delete(incoming.url)) {
        answer.resume();
        answer.on("end", () => incoming.socket.destroy());
        return;
      }
      record.status = answer.statusCode;
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => incoming.socket.destroy());
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
  };
}
