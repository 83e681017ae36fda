// What is published: the files, their manifest, and what must not be in them.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { transform } from "esbuild";
import { publint } from "publint";
import { ROOT, packPackage } from "../e2e/support/artifacts.mjs";
import { fileScope } from "../e2e/support/file-scope.mjs";
import { makeFolder } from "../e2e/support/folder.mjs";
import budgets from "./budgets.json" with { type: "json" };
import files from "./files.json" with { type: "json" };
import { PACKAGE } from "./support/entries.mjs";

const run = promisify(execFile);
const DEADLINE_MS = 120_000;

let tarball;

before(async () => {
  tarball = await packPackage(await makeFolder(fileScope, "tarball"));
});

test("the tarball holds exactly the files of files.json", async () => {
  const { stdout } = await run("tar", ["-tzf", tarball], { timeout: DEADLINE_MS });
  assert.deepEqual(stdout.trim().split("\n").sort(), files);
});

test("publint finds nothing to say about the tarball", async () => {
  const { messages } = await publint({
    pack: { tarball: (await readFile(tarball)).buffer },
    strict: true,
  });
  assert.deepEqual(messages, []);
});

test("the types fit the code for every way of importing", async () => {
  const attw = join(ROOT, "node_modules/@arethetypeswrong/cli/dist/index.js");
  const args = [attw, tarball, "--format", "ascii", "--no-emoji", "--no-color"];
  const { stdout } = await run(process.execPath, args, { timeout: DEADLINE_MS }).catch((failure) => failure);
  assert.match(stdout, /No problems found/);
});

test("the package, the crate and the wire have one version", async () => {
  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const [, workspaceVersion] = /\[workspace\.package\]\nversion = "(.+)"/.exec(
    await readFile(join(ROOT, "Cargo.toml"), "utf8"),
  );
  const { getVersion } = await import(join(PACKAGE, "index.js"));
  assert.equal(workspaceVersion, version);
  assert.equal(await getVersion(), version);
});

test("nothing runs when the package is installed", async () => {
  const { scripts, dependencies, peerDependencies } = JSON.parse(
    await readFile(join(ROOT, "package.json"), "utf8"),
  );
  for (const hook of ["preinstall", "install", "postinstall", "prepare"])
    assert.equal(scripts[hook], undefined);
  assert.deepEqual([dependencies, peerDependencies], [undefined, undefined]);
});

// Each of these breaks some bundler, engine or content security policy.
const BANNED = [
  { what: "import.meta", pattern: /import\.meta/ },
  { what: "new URL()", pattern: /new\s+URL\(/ },
  { what: "eval", pattern: /\beval\s*\(/ },
  { what: "new Function", pattern: /\bFunction\s*\(\s*["'`]/ },
  { what: "a path of the machine that built it", pattern: /["'`/](?:root|home|work|tmp)\// },
];

for (const file of readdirSync(PACKAGE).filter((name) => /\.c?js$/.test(name))) {
  test(`${file} holds nothing that a bundler, an engine or a policy refuses`, async () => {
    const code = withoutPackedCore(await readFile(join(PACKAGE, file), "utf8"));
    for (const { what, pattern } of BANNED) {
      assert.equal(pattern.exec(code)?.[0], undefined, `${file} holds ${what}`);
    }
    const loads = [...code.matchAll(/\b(?:from|import|require)\s*\(?\s*["'`]([^"'`]*)/g)].map(
      ([, name]) => name,
    );
    const chunk = file.startsWith("index.") ? [`./core-webassembly${extname(file)}`] : [];
    assert.deepEqual(loads, chunk);
    // Fails for a top-level await, which CommonJS does not know.
    await transform(code, { format: "cjs" });
  });
}

for (const { name, files: counted, maxBytes, maxGzipBytes } of budgets) {
  test(`size: ${name}`, async (t) => {
    const contents = await Promise.all(counted.map((file) => readFile(join(PACKAGE, file))));
    const bytes = contents.reduce((sum, content) => sum + content.length, 0);
    const gzipBytes = contents.reduce((sum, content) => sum + gzipSync(content, { level: 9 }).length, 0);
    t.diagnostic(`${bytes} bytes, ${gzipBytes} after gzip -9`);
    assert.ok(bytes <= (maxBytes ?? Infinity), `${bytes} bytes are more than ${maxBytes}`);
    assert.ok(
      gzipBytes <= (maxGzipBytes ?? Infinity),
      `${gzipBytes} bytes after gzip are more than ${maxGzipBytes}`,
    );
  });
}

/** Without the packed core and the texts inside it, in which anything may occur by chance. */
function withoutPackedCore(code) {
  return code.replace(/"[A-Za-z0-9+/=]{40,}"/g, '""');
}
