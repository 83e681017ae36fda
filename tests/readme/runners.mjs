// How the README's blocks are run, by the word in the comment before them; readme.test.mjs has the convention.
//
// A runner leaves what its block printed in `context.output`, for a block of expected output that follows.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import * as esbuild from "esbuild";
import { PLATFORM_BINARY, ROOT } from "../e2e/support/artifacts.mjs";
import { authCode } from "../e2e/support/backend.mjs";
import { launchChromium, openPageDevice } from "../e2e/support/chromium.mjs";
import { within } from "../e2e/support/deadline.mjs";
import { makeFolder } from "../e2e/support/folder.mjs";
import { bundleWithEsbuild, startPages } from "../e2e/support/pages.mjs";

const run = promisify(execFile);
const DEADLINE_MS = 60_000;
const DOCUMENTED_ADDRESS = /http:\/\/127\.0\.0\.1:8080/g;
const COMPILER = join(ROOT, "node_modules/typescript/bin/tsc");
const COMPILER_OPTIONS = [
  ...["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom"],
  ...["--module", "nodenext", "--moduleResolution", "nodenext", "--moduleDetection", "force"],
];

/** `async (t, block, context)` for every kind of block. */
export const runners = {
  shell: runShell,
  server: runServer,
  npm: checkScripts,
  module: runModule,
  html: openPage,
  output: compareOutput,
  diagram: checkDiagram,
};

async function runShell(t, block, context) {
  const cwd = await makeFolder(t, "readme");
  const script = block.code.replace(DOCUMENTED_ADDRESS, context.platform.url);
  const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script], {
    cwd,
    env: environment(context.platform),
    timeout: DEADLINE_MS,
  });
  context.output = stdout;
}

async function runServer(t, block) {
  const cwd = await makeFolder(t, "readme");
  // Any free port: the documented one may be taken on this machine.
  const env = { ...process.env, PATH: pathWithPlatform(), PLATFORM_ADDRESS: "127.0.0.1:0" };
  const child = spawn("bash", ["-c", `exec ${block.code.trim()}`], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const listening = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => line.includes("listening on") && resolve());
    child.on("exit", (code) => reject(new Error(`the server ended with code ${code}`)));
  });
  await within("the server's start", listening);
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await within("the server's end", exited);
}

async function checkScripts(t, block) {
  const { scripts } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  for (const line of commandsOf(block)) {
    const [, script] = /^npm (?:run )?([a-z]+)(?: -- .*)?$/.exec(line) ?? [];
    assert.ok(scripts[script], `there is no \`${line}\``);
  }
}

async function runModule(t, block, context) {
  const file = await compile(block, context);
  const surroundings = join(context.project, "surroundings.mjs");
  const globals = {
    authenticationCode: await authCode(context.platform, `README.md:${block.line}`),
    SENTIANCE_PLATFORM_URL: context.platform.url,
  };
  await writeFile(surroundings, `Object.assign(globalThis, ${JSON.stringify(globals)});`);
  const { stdout } = await run(process.execPath, ["--import", surroundings, file], {
    cwd: context.project,
    env: environment(context.platform),
    timeout: DEADLINE_MS,
  });
  context.output = stdout;
}

async function openPage(t, block, context) {
  const head = block.code.replace(DOCUMENTED_ADDRESS, context.platform.url);
  const pages = await startPages(t, await bundleWithEsbuild(context.project), { head });
  const device = await openPageDevice(t, await launchChromium(t), pages.address(context.platform));
  await device.call("createUser", {
    authCode: await authCode(context.platform, `README.md:${block.line}`),
  });
  device.assertQuiet();
}

function compareOutput(t, block, context) {
  const pattern = block.code
    .trim()
    .split("…")
    .map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("[\\s\\S]*?");
  assert.match(context.output.trim(), new RegExp(`^${pattern}$`));
}

function checkDiagram(t, block) {
  assert.ok(["text", "mermaid"].includes(block.info), `\`${block.info}\` is code: it has to be run`);
}

/** Type-checks TypeScript, bundles, and returns the file to run. */
async function compile(block, { project, platform }) {
  const name = `readme-line-${block.line}`;
  const source = join(project, `${name}.${block.info === "js" ? "mjs" : "mts"}`);
  await writeFile(source, block.code.replace(DOCUMENTED_ADDRESS, platform.url));
  if (block.info === "ts") {
    const globals = join(project, "readme-globals.d.ts");
    await writeFile(globals, "declare const authenticationCode: string;");
    await run(process.execPath, [COMPILER, ...COMPILER_OPTIONS, globals, source], {
      cwd: project,
      timeout: DEADLINE_MS,
    }).catch(({ stdout }) => assert.fail(`tsc: ${stdout}`));
  }
  const outfile = join(project, `${name}.out.mjs`);
  await esbuild.build({
    absWorkingDir: project,
    entryPoints: [source],
    outfile,
    platform: "node",
    bundle: true,
    format: "esm",
    packages: "external",
    logLevel: "silent",
  });
  return outfile;
}

function commandsOf(block) {
  return block.code
    .split("\n")
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function environment(platform) {
  return {
    ...process.env,
    PATH: pathWithPlatform(),
    PLATFORM_URL: platform.url,
    PLATFORM_DATABASE: platform.databaseFile,
    APP_ID: platform.appId,
    API_KEY: platform.apiKey,
  };
}

function pathWithPlatform() {
  return `${dirname(PLATFORM_BINARY)}${delimiter}${process.env.PATH}`;
}
