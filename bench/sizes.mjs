// What an app's users download because of the package.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { measureContribution } from "../tests/e2e/support/metro.mjs";

/** Bundles an app that uses the whole package, for browsers and for React Native. Sizes are bytes. */
export async function measureSizes(project) {
  return {
    browser: await bundleForBrowser(project),
    reactNative: await measureContribution(project),
  };
}

async function bundleForBrowser(project) {
  const entry = join(project, "size.mjs");
  const outdir = join(project, "dist-size");
  await writeFile(entry, 'import * as sdk from "@sentiance-react-native/core";\nglobalThis.app = sdk;\n');
  await esbuild.build({
    entryPoints: [entry],
    outdir,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
  });
  let raw = 0;
  let gzipped = 0;
  for (const file of await readdir(outdir)) {
    const bytes = await readFile(join(outdir, file));
    raw += bytes.length;
    gzipped += gzipSync(bytes, { level: 9 }).length;
  }
  return { raw, gzipped };
}
