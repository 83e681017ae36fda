// What a browser test stands on: a platform, the app's pages, and a browser.

import { launchChromium } from "./chromium.mjs";
import { installPackage } from "./consumer.mjs";
import { bundleWithEsbuild, startPages } from "./pages.mjs";
import { startPlatform } from "./platform.mjs";

/**
 * Starts all three.
 *
 * @param options.platform - How the platform is started.
 * @param options.chromium - Chromium's command line.
 */
export async function startBrowserStage(scope, { platform = {}, chromium = [] } = {}) {
  const [started, project, browser] = await Promise.all([
    startPlatform(scope, platform),
    installPackage(scope),
    launchChromium(scope, chromium),
  ]);
  return { platform: started, browser, pages: await startPages(scope, await bundleWithEsbuild(project)) };
}
