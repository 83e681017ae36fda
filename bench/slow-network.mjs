// A network between SDK and platform on which each request and its answer together take a while.

import { createServer, request as forward } from "node:http";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

/** Starts a proxy to the platform on the loopback interface, and returns its address. */
export async function startSlowNetwork(scope, platform, roundTripMs) {
  const server = createServer(async (incoming, outgoing) => {
    await pause(roundTripMs);
    const target = new URL(incoming.url, platform.url);
    const onward = forward(target, { method: incoming.method, headers: incoming.headers }, (answer) => {
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
  return `http://127.0.0.1:${server.address().port}`;
}
