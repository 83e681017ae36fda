// Bundles an app as React Native does: Metro with React Native's configuration and its Babel preset.

import { copyFile, realpath, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { ROOT } from "./artifacts.mjs";

const require = createRequire(import.meta.url);
const APPS = join(ROOT, "tests/e2e/hermes/app");
const AGENT = join(ROOT, "tests/e2e/support/agent.mjs");

/**
 * Bundles the test's app in `project`, for production but with its names, and returns the code.
 *
 * @param app - `app.mjs`, which imports the package, or `app.cjs`, which requires it.
 */
export function bundleApp(project, app) {
  return bundleFiles(project, [join(APPS, app), AGENT]);
}

/** Bundles an app that consists of these files, side by side, in `project`; the first is the one that runs. */
export async function bundleFiles(project, files) {
  for (const file of files) await copyFile(file, join(project, basename(file)));
  return bundle(project, basename(files[0]), { minify: false });
}

/** How many bytes the package adds to the minified bundle of an app. */
export async function measureContribution(project) {
  const app = join(project, "size.js");
  await writeFile(app, "globalThis.app = {};");
  const before = Buffer.byteLength(await bundle(project, "size.js", { minify: true }));
  await writeFile(app, 'import * as sdk from "@sentiance-react-native/core";\nglobalThis.app = sdk;');
  return Buffer.byteLength(await bundle(project, "size.js", { minify: true })) - before;
}

async function bundle(project, entry, { minify }) {
  const { default: Metro } = await import("metro");
  const { getDefaultConfig, mergeConfig } = require("@react-native/metro-config");
  const projectRoot = await realpath(project);
  const preset = JSON.stringify(require.resolve("@react-native/babel-preset"));
  await writeFile(join(projectRoot, "babel.config.js"), `module.exports = { presets: [${preset}] };`);
  // In a real app these two come with react-native itself.
  const helpers = dirname(require.resolve("@babel/runtime/package.json"));
  const runtime = dirname(require.resolve("metro-runtime/package.json"));
  const config = mergeConfig(getDefaultConfig(projectRoot), {
    projectRoot,
    watchFolders: [projectRoot, helpers, runtime],
    cacheStores: [],
    maxWorkers: 1,
    reporter: { update() {} },
    resolver: { extraNodeModules: { "@babel/runtime": helpers } },
    // The engine has no native side that these would set up.
    serializer: { getModulesRunBeforeMainModule: () => [], getPolyfills: () => [] },
  });
  const { code } = await Metro.runBuild(config, { entry, platform: "android", dev: false, minify });
  return code;
}
