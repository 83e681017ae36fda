// Vite's development server with the React app, whose files a test changes as a developer does.

import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import react from "@vitejs/plugin-react";
import { createServer } from "vite";
import { ROOT } from "./artifacts.mjs";
import { installedEntries } from "./consumer.mjs";
import { makeFolder } from "./folder.mjs";

const APP = join(ROOT, "tests/e2e/browser/pages/react");
const PACKAGE = "@sentiance-react-native/core";
const require = createRequire(import.meta.url);

/**
 * Starts it on the loopback interface.
 *
 * @param project - An app's project that has the package installed.
 * @returns Its `url`; `edit(file, change)`, which saves what `change` makes of a file's text. The package's entry is a file
 *   of the project, `linked/index.js`, as it is where a developer works on the package itself.
 */
export async function startDevServer(scope, project) {
  const root = await makeFolder(scope, "react");
  await cp(APP, root, { recursive: true });
  await cp(installedEntries(project), join(root, "linked"), { recursive: true });
  await mkdir(join(root, "node_modules"));
  for (const name of ["react", "react-dom", "scheduler"]) {
    const installed = dirname(require.resolve(`${name}/package.json`));
    await symlink(installed, join(root, "node_modules", name));
  }
  const server = await createServer({
    root,
    configFile: false,
    logLevel: "error",
    plugins: [react()],
    resolve: { alias: { [PACKAGE]: join(root, "linked/index.js") }, preserveSymlinks: true },
    // Before the first request, lest a package that is found late reloads the page.
    optimizeDeps: { include: ["react", "react-dom/client", "react/jsx-dev-runtime"] },
    server: { host: "127.0.0.1", port: 0 },
  });
  scope.after(() => server.close());
  await server.listen();
  const edit = async (file, change) => {
    const path = join(root, file);
    await writeFile(path, change(await readFile(path, "utf8")));
  };
  return { url: `http://127.0.0.1:${server.httpServer.address().port}/`, edit };
}
