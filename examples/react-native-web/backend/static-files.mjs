// Serves what Vite has built, with a policy that allows the page no more than it needs.

import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };

/** Answers with the file at `pathname`, which the URL parser has freed of `..`. */
export async function serveFile(pathname, response, platformUrl) {
  const name = pathname === "/" ? "/index.html" : pathname;
  const content = await readFile(join(DIST, name)).catch(() => undefined);
  if (content === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    "content-type": TYPES[extname(name)] ?? "application/octet-stream",
    "content-security-policy": policy(platformUrl),
    "permissions-policy": "geolocation=(self), accelerometer=(self), gyroscope=(self)",
  });
  response.end(content);
}

/** The SDK needs WebAssembly and its platform; React Native Web writes its styles into the page. */
function policy(platformUrl) {
  return [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self' 'unsafe-inline'",
    `connect-src 'self' ${platformUrl}`,
    "img-src data:",
  ].join("; ");
}
