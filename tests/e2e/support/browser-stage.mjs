// What a browser test stands on: a platform, the app's pages, and a browser.

import { launchChromium } from "./chromium.mjs";
import { installPackage } from "./consumer.mjs";
import { bundleWithEsbuild, startPages } from "./pages.mjs";
import { startPlatform } from "./platform.mjs";

/**
 * Starts all three.
 *
 * @param install - Which package the app has.
 * @param options - The platform's.
 */
export async function startBrowserStage(scope, install = installPackage, options = {}) {
  const [platform, project, browser] = await Promise.all([
    startPlatform(scope, options),
    install(scope),
    launchChromium(scope),
  ]);
  return { platform, browser, pages: await startPages(scope, await bundleWithEsbuild(project)) };
}
