// Holds SECURITY.md to its word: each promise names a test, and each test that it names exists.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../e2e/support/artifacts.mjs";
import { definesTest, findTestLinks, promisesWithoutTest } from "./links.mjs";

const markdown = await readFile(join(ROOT, "SECURITY.md"), "utf8");

test("every promise of SECURITY.md names a test", () => {
  assert.deepEqual(promisesWithoutTest(markdown), []);
  assert.ok(findTestLinks(markdown).length > 20, "the links are found");
});

test("every test that SECURITY.md names exists", async () => {
  const missing = [];
  for (const { name, path } of findTestLinks(markdown)) {
    const source = await readFile(join(ROOT, path), "utf8").catch(() => "");
    if (!definesTest(path, source, name)) missing.push(`${path}: ${name}`);
  }
  assert.deepEqual(missing, []);
});

test("a promise without a test, and a test that does not exist, are found", () => {
  const bad =
    "## What is promised\n\n| Promise | Test |\n| ------- | ---- |\n| Nobody gets in | trust us |\n";
  assert.deepEqual(promisesWithoutTest(bad), ["Nobody gets in"]);
  assert.equal(definesTest("platform/tests/a.rs", "async fn a_b_c() {", "a b c"), true);
  assert.equal(definesTest("platform/tests/a.rs", "async fn a_b_c() {", "a b"), false);
  assert.equal(definesTest("tests/a.test.mjs", 'test("a b", () => {', "b c"), false);
});
