// The WebAssembly crate by itself: wasm-bindgen's own output, without the npm package's facade.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { ROOT } from "../support/artifacts.mjs";
import { authCode, readOwnProfile } from "../support/backend.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { makeFolder } from "../support/folder.mjs";
import { startPlatform } from "../support/platform.mjs";

const run = promisify(execFile);
const CRATE = join(ROOT, "target/wasm/release/crate");
const COMPILER = join(ROOT, "node_modules/typescript/bin/tsc");
const DEADLINE_MS = 60_000;

let folder;

before(async () => {
  folder = await makeFolder(fileScope, "crate");
  await cp(CRATE, folder, { recursive: true });
});

test("createUser() and reset() of the crate return promises, and do their work", async (t) => {
  const platform = await startPlatform(t);
  const crate = await import(pathToFileURL(join(folder, "sentiance_core.js")).href);
  await crate.initialize({ platformUrl: platform.url, storage: "memory" });

  const creation = crate.createUser(await authCode(platform, "crate"));
  assert.ok(creation instanceof Promise);
  const { userInfo } = await creation;
  const profile = await readOwnProfile(platform, userInfo.tokenId);
  assert.equal(profile.body.id, userInfo.userId);

  const reset = crate.reset();
  assert.ok(reset instanceof Promise);
  assert.deepEqual(await reset, { initState: "INITIALIZED" });
  assert.equal(await crate.userExists(), false);
});

test("the crate's own types describe it", async () => {
  await writeFile(
    join(folder, "app.ts"),
    `import { createUser, reset } from "./sentiance_core";
     export const id: Promise<string> = createUser("code").then((result) => result.userInfo.userId);
     export const again: Promise<string> = createUser({ authCode: "code" }).then(({ userInfo }) => userInfo.tokenId);
     export const state: Promise<string> = reset().then((result) => result.initState);
     // @ts-expect-error A number is no authentication code.
     void createUser(1);
    `,
  );
  const compilerOptions = { strict: true, noEmit: true, target: "es2022", lib: ["es2022", "dom"], types: [] };
  await writeFile(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: { ...compilerOptions, module: "esnext", moduleResolution: "bundler" },
      files: ["app.ts"],
    }),
  );
  const { stdout } = await run(process.execPath, [COMPILER, "--project", folder], {
    timeout: DEADLINE_MS,
  }).catch((failure) => failure);
  assert.equal(stdout, "");
});
