// The package's types, as strict projects meet them: installed from the tarball, for every way of importing, without
// react-native. The programs in types/ are what applications write; two of them were written against the declarations
// of the original.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../e2e/support/artifacts.mjs";
import { installPackage } from "../e2e/support/consumer.mjs";
import { fileScope } from "../e2e/support/file-scope.mjs";

const run = promisify(execFile);
const COMPILER = join(ROOT, "node_modules/typescript/bin/tsc");
const DEADLINE_MS = 120_000;
const PROGRAMS = ["original-6.0.3.ts", "original-6.16.ts", "this-package.ts"];

const STRICT = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
  types: [],
};

const PROJECTS = [
  { name: "an ES module under node16", extension: ".mts", module: "node16", moduleResolution: "node16" },
  { name: "CommonJS under node16", extension: ".cts", module: "node16", moduleResolution: "node16" },
  { name: "a bundler's project", extension: ".ts", module: "esnext", moduleResolution: "bundler" },
  {
    name: "a React Native project",
    extension: ".ts",
    module: "esnext",
    moduleResolution: "bundler",
    customConditions: ["react-native"],
  },
];

let project;

before(async () => {
  project = await installPackage(fileScope);
});

for (const [index, { name, extension, ...options }] of PROJECTS.entries()) {
  for (const lib of [["es2022", "dom"], ["es2022"]]) {
    test(`${name}, with ${lib.join(" and ")}, compiles`, async () => {
      const folder = join(project, `types-${index}-${lib.length}`);
      await mkdir(folder);
      const programs = [...PROGRAMS, lib.includes("dom") ? "in-browsers.ts" : "elsewhere.ts"];
      const files = programs.map((program) => basename(program, extname(program)) + extension);
      await Promise.all(
        programs.map((program, at) =>
          copyFile(join(ROOT, "tests/package/types", program), join(folder, files[at])),
        ),
      );
      await writeFile(
        join(folder, "tsconfig.json"),
        JSON.stringify({ compilerOptions: { ...STRICT, ...options, target: "es2022", lib }, files }),
      );
      const { stdout } = await run(process.execPath, [COMPILER, "--project", folder], {
        timeout: DEADLINE_MS,
      }).catch((failure) => failure);
      assert.equal(stdout, "");
    });
  }
}
