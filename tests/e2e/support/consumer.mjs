// An app's project: an empty folder into which the packed tarball was installed, as a customer would do it.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { npm, packPackage } from "./artifacts.mjs";
import { makeFolder } from "./folder.mjs";

/** Makes a project that has the package installed, and returns its folder. */
export async function installPackage(scope) {
  const folder = await makeFolder(scope, "app");
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "app", private: true }));
  await npm(folder, "install", "--ignore-scripts", await packPackage(folder));
  return folder;
}
