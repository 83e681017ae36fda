// An app's web pages: bundled from the installed package, and served from the loopback interface.

import { copyFile, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import { extname, join, normalize } from "node:path";
import * as esbuild from "esbuild";
import { ROOT } from "./artifacts.mjs";

const PAGES = join(ROOT, "tests/e2e/browser/pages");
const AGENT = join(ROOT, "tests/e2e/support/agent.mjs");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".map": "application/json" };
/** What a site sent before it knew of WebAssembly: scripts of its own only, no `eval`. */
const POLICY_WITHOUT_WASM = "default-src 'none'; img-src data:; connect-src *; script-src 'self'";
/** The same, once it knows. */
const POLICY = `${POLICY_WITHOUT_WASM} 'wasm-unsafe-eval'`;

/**
 * Bundles the page with esbuild, with code splitting, and returns the folder of what has to be served.
 *
 * @param conditions - Of the package's entries, besides those of a browser.
 */
export async function bundleWithEsbuild(project, conditions = []) {
  const outdir = join(project, ["dist-esbuild", ...conditions].join("-"));
  await placeSources(project);
  await esbuild.build({
    absWorkingDir: project,
    entryPoints: ["app.mjs"],
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    entryNames: "app",
    conditions,
    outdir,
    logLevel: "silent",
  });
  return outdir;
}

/** Bundles the page with Vite's defaults, and returns the folder of what has to be served. */
export async function bundleWithVite(project) {
  const outDir = join(project, "dist-vite");
  await placeSources(project);
  const vite = await import("vite");
  await vite.build({
    root: project,
    configFile: false,
    logLevel: "error",
    build: {
      outDir,
      rollupOptions: { input: join(project, "app.mjs"), output: { entryFileNames: "app.js" } },
    },
  });
  return outDir;
}

async function placeSources(project) {
  await copyFile(join(PAGES, "app.mjs"), join(project, "app.mjs"));
  await copyFile(AGENT, join(project, "agent.mjs"));
}

/**
 * Serves the bundled page on the loopback interface.
 *
 * @param options.head - Markup of the page's own; without it, a `<meta>` element that names the platform, as in an app
 *   that was written for React Native and stays unchanged.
 * @returns `address(platform, { allowsWasm, isSandboxed })`, the page's address for this platform; and their `origin`.
 */
export async function startPages(scope, dist, { head } = {}) {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://pages");
    try {
      const isPage = url.pathname === "/";
      const body = isPage
        ? page(head ?? metaElement(url.searchParams.get("platform")))
        : await readFile(join(dist, normalize(url.pathname)));
      response.writeHead(200, {
        "content-type": TYPES[isPage ? ".html" : extname(url.pathname)] ?? "application/octet-stream",
        "content-security-policy": policy(url.searchParams),
        // A sandboxed page is of no origin, so its own script is a foreign one.
        "access-control-allow-origin": "*",
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  scope.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${server.address().port}`;
  const address = (platform, { allowsWasm = true, isSandboxed = false } = {}) => {
    const query = new URLSearchParams({ platform: platform.url });
    if (!allowsWasm) query.set("no-wasm", "");
    if (isSandboxed) query.set("sandboxed", "");
    return `${origin}/?${query}`;
  };
  return { address, origin };
}

function policy(query) {
  const scripts = query.has("no-wasm") ? POLICY_WITHOUT_WASM : POLICY;
  // The same flags as of `<iframe sandbox="allow-scripts">`.
  return query.has("sandboxed") ? `${scripts}; sandbox allow-scripts` : scripts;
}

function metaElement(platformUrl) {
  return `<meta name="sentiance-platform-url" content="${platformUrl}">`;
}

function page(head) {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>app</title>
${head}
<link rel="icon" href="data:,">
<script type="module" src="/app.js"></script>
</html>`;
}
