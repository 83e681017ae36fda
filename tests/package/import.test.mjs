// Importing the package does nothing: not in a server that renders pages, not in a worker, not in an odd runtime.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { fileScope } from "../e2e/support/file-scope.mjs";
import { installPackage } from "../e2e/support/consumer.mjs";

const run = promisify(execFile);
const DEADLINE_MS = 60_000;

// Whatever a module could touch while it is loaded; each look at one of them is written down.
const GLOBALS = [
  "window",
  "self",
  "document",
  "navigator",
  "localStorage",
  "sessionStorage",
  "indexedDB",
  "location",
  "fetch",
  "XMLHttpRequest",
  "WebAssembly",
  "crypto",
  "BroadcastChannel",
  "TextEncoder",
  "TextDecoder",
  "FinalizationRegistry",
  "setTimeout",
  "setInterval",
  "addEventListener",
];

const WATCH = `
  const touched = [];
  for (const name of ${JSON.stringify(GLOBALS)}) {
    const get = () => { touched.push(name); throw new Error(name + " was touched"); };
    Object.defineProperty(globalThis, name, { configurable: true, get });
  }
`;

let project;

before(async () => {
  project = await installPackage(fileScope);
});

async function runInProject(name, code, ...nodeOptions) {
  await writeFile(join(project, name), code);
  const { stdout } = await run(process.execPath, [...nodeOptions, join(project, name)], {
    timeout: DEADLINE_MS,
  });
  return stdout.trim();
}

for (const { how, name, load } of [
  { how: "import", name: "app.mjs", load: `await import("@sentiance-react-native/core")` },
  { how: "require", name: "app.cjs", load: `require("@sentiance-react-native/core")` },
]) {
  for (const condition of [[], ["--conditions=react-native"]]) {
    test(`${how} ${condition.join("")} touches nothing of its surroundings`, async () => {
      const code = `${WATCH} const loaded = ${load}; process.stdout.write(JSON.stringify([touched, typeof loaded.createUser]));`;
      assert.deepEqual(JSON.parse(await runInProject(name, code, ...condition)), [[], "function"]);
    });

    test(`${how} ${condition.join("")} lets the process end`, async () => {
      const code = `const loaded = ${load}; process.stdout.write(typeof loaded.default.createUser);`;
      assert.equal(await runInProject(name, code, ...condition), "function");
    });
  }
}

test("only the first call loads the core", async () => {
  const code = `
    import { getVersion } from "@sentiance-react-native/core";
    let compiled = 0;
    const { instantiate } = WebAssembly;
    WebAssembly.instantiate = (...args) => (compiled++, instantiate(...args));
    const before = compiled;
    await Promise.all([getVersion(), getVersion(), getVersion()]);
    process.stdout.write(JSON.stringify([before, compiled]));
  `;
  assert.equal(await runInProject("first.mjs", code), "[0,1]");
});
