// Runs every fenced code block of README.md, in order. The comment directly before a block says how:
//
//   <!-- run: shell -->    A script for bash, run in an empty folder. `platform` is on the PATH, $PLATFORM_URL, $APP_ID and
//                          $API_KEY belong to a platform that runs, and PLATFORM_DATABASE is its database. Where the
//                          text says http://127.0.0.1:8080, that platform is meant.
//   <!-- run: server -->   One command that starts a server; it must say `listening on`, and is then ended.
//   <!-- run: npm -->      Commands of this repository, one per line: `npm test` and `npm run <script>` whose
//                          script must exist. They are not run: this test is itself a part of `npm test`.
//   <!-- run: module -->   An app's ES module in JavaScript or TypeScript: checked by tsc (TypeScript), then run in
//                          Node. `authenticationCode` is a fresh code, and the platform is the app's default one, which
//                          http://127.0.0.1:8080 means, too.
//   <!-- run: html -->     Markup for the head of a page whose script uses the package: opened in Chromium, where it must
//                          let the script create a user on that platform.
//   <!-- run: output -->   What the block before has printed; `…` stands for anything.
//   <!-- run: diagram -->  A picture in text: there is nothing to run. Its language must be `text` or `mermaid`.
//
// A block without such a comment fails the test.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { ROOT } from "../e2e/support/artifacts.mjs";
import { installPackage } from "../e2e/support/consumer.mjs";
import { fileScope } from "../e2e/support/file-scope.mjs";
import { startPlatform } from "../e2e/support/platform.mjs";
import { findBlocks } from "./blocks.mjs";
import { runners } from "./runners.mjs";

const markdown = await readFile(join(ROOT, "README.md"), "utf8");
const context = { output: "" };

before(async () => {
  [context.platform, context.project] = await Promise.all([
    startPlatform(fileScope),
    installPackage(fileScope),
  ]);
});

test("the README has code blocks", () => {
  assert.ok(findBlocks(markdown).length > 0);
});

for (const block of findBlocks(markdown)) {
  test(`README.md:${block.line} (${block.kind ?? "no comment"}, ${block.info || "no language"})`, async (t) => {
    const runner = runners[block.kind];
    if (block.kind !== "output") context.output = "";
    assert.ok(runner, `write <!-- run: ... --> before the block, one of: ${Object.keys(runners).join(", ")}`);
    await runner(t, block, context);
  });
}
