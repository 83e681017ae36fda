// What the tests run against: the npm package as it would be published, and the platform's binary.

import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const NPM_DEADLINE_MS = 120_000;

/** The repository's root folder. */
export const ROOT = resolve(fileURLToPath(import.meta.url), "../../../..");

/** Where the tests leave what people may want to look at afterwards. */
export const ARTIFACTS = join(ROOT, "artifacts");

/** The platform's binary: `PLATFORM_BINARY`, else what `cargo build` made. */
export const PLATFORM_BINARY =
  process.env.PLATFORM_BINARY ??
  join(resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target"), "debug", "platform");

/** Packs the npm package into `folder` and returns the tarball's path; `PACKAGE_TARBALL` names a ready one. */
export async function packPackage(folder) {
  if (process.env.PACKAGE_TARBALL) return process.env.PACKAGE_TARBALL;
  await npm(ROOT, "pack", "--ignore-scripts", "--silent", "--pack-destination", folder);
  const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz"));
  if (!tarball) throw new Error(`npm pack left no tarball in ${folder}`);
  return join(folder, tarball);
}

/** Runs npm in `folder`, without asking a registry for anything. */
export function npm(folder, ...args) {
  return run("npm", [...args, "--offline", "--no-audit", "--no-fund"], {
    cwd: folder,
    timeout: NPM_DEADLINE_MS,
  });
}
