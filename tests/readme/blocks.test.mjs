// The finder of code blocks: a block that it overlooked would never be run.

import assert from "node:assert/strict";
import { test } from "node:test";
import { findBlocks } from "./blocks.mjs";

test("a block comes with its text, its language, its line and the comment before it", () => {
  const markdown = [
    "# Title",
    "",
    "<!-- run: shell -->",
    "",
    "```sh",
    "echo 1",
    "",
    "echo 2",
    "```",
    "",
  ].join("\n");
  assert.deepEqual(findBlocks(markdown), [{ line: 5, info: "sh", kind: "shell", code: "echo 1\n\necho 2" }]);
});

test("a block without a comment directly before it has no kind", () => {
  const markdown = ["<!-- run: shell -->", "Text.", "```sh", "echo", "```", "```", "x", "```"].join("\n");
  assert.deepEqual(
    findBlocks(markdown).map(({ kind }) => kind),
    [undefined, undefined],
  );
});

test("a longer fence holds a shorter one, tildes hold backticks, and indentation is taken off", () => {
  const markdown = ["````md", "```", "a", "```", "````", "~~~", "```", "~~~", "  ```js", "  b", "  ```"].join(
    "\n",
  );
  assert.deepEqual(
    findBlocks(markdown).map(({ code }) => code),
    ["```\na\n```", "```", "b"],
  );
});

test("a block that is never closed is an error", () => {
  assert.throws(() => findBlocks("text\n```sh\necho"), /line 2/);
});
