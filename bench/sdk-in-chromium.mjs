// What the SDK costs in a page in Chromium.

import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import * as esbuild from "esbuild";
import { ROOT } from "../tests/e2e/support/artifacts.mjs";
import { authCode } from "../tests/e2e/support/backend.mjs";
import { launchChromium } from "../tests/e2e/support/chromium.mjs";
import { startPages } from "../tests/e2e/support/pages.mjs";

const SOURCES = ["page.mjs", "comparisons.mjs"];

/**
 * Compares creations for users that are kept in `localStorage`, at once and behind a slow network; and calls of
 * `getSdkStatus`.
 *
 * @param slowUrl - The platform's address on the slow network.
 */
export async function measureInChromium(scope, { platform, slowUrl, project, runs }) {
  const pages = await startPages(scope, await bundle(project));
  const browser = await launchChromium(scope);
  const page = await browser.newPage();
  await page.exposeFunction("authCode", (externalId) => authCode(platform, externalId));
  await page.goto(pages.address(platform));
  await page.waitForFunction("window.measure !== undefined");
  return page.evaluate((options) => window.measure(options), { slowUrl, runs });
}

async function bundle(project) {
  const outdir = join(project, "dist-bench");
  for (const source of SOURCES) await copyFile(join(ROOT, "bench", source), join(project, source));
  await esbuild.build({
    absWorkingDir: project,
    entryPoints: { app: "page.mjs" },
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    outdir,
  });
  return outdir;
}
