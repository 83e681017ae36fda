// An app's project: an empty folder into which the packed tarball was installed, as a customer would do it.

import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FAULTY_PACKAGE } from "../../package/support/entries.mjs";
import { npm, packPackage } from "./artifacts.mjs";
import { makeFolder } from "./folder.mjs";

const INSTALLED = "node_modules/@sentiance-react-native/core/pkg";

/** Makes a project that has the package installed, and returns its folder. */
export async function installPackage(scope) {
  const folder = await makeFolder(scope, "app");
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "app", private: true }));
  await npm(folder, "install", "--ignore-scripts", await packPackage(folder));
  return folder;
}

/** The same, with the build of the package that has a function `breakCore`. */
export async function installFaultyPackage(scope) {
  const folder = await installPackage(scope);
  await cp(FAULTY_PACKAGE, join(folder, INSTALLED), { recursive: true });
  return folder;
}

/** Where in a project that has the package installed its entries are. */
export function installedEntries(folder) {
  return join(folder, INSTALLED);
}
