// The queue's rules, by the table that the simulation's own queue follows, too (`tests/world/queue-cases.json`).

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { inText } from "../../../src/driver/queue/queue.js";

/** How many bytes an entry has in the table. */
const ENTRY_BYTES = 100;
const cases = JSON.parse(await readFile(new URL("../../world/queue-cases.json", import.meta.url), "utf8"));

/** The job of a row, as `queue.js` takes it. */
function jobOf({ job, owner, epoch, limit }, taken) {
  const entry = { text: "x".repeat(ENTRY_BYTES), bytes: ENTRY_BYTES, detail: true };
  return {
    add: { owner, epoch, add: [entry], limit: limit ?? Infinity, vital: false },
    take: { owner, epoch, take: 1_000, most: 100 },
    drop: { drop: taken },
    clear: { epoch, clear: true },
  }[job];
}

for (const { name, jobs } of cases) {
  test(`queue.js: ${name}`, () => {
    let text = null;
    let taken = [];
    for (const row of jobs) {
      const response = inText(jobOf(row, taken), text);
      assert.equal(response.superseded, row.superseded);
      if (row.superseded !== undefined) assert.equal(response.text ?? null, text);
      text = response.text;
      if (row.state) {
        assert.deepEqual({ count: response.count, dropped: response.dropped }, row.state);
      }
      if (row.taken !== undefined) {
        taken = response.keys;
        assert.equal(taken.length, row.taken);
        assert.equal(response.body.split("x".repeat(ENTRY_BYTES)).length, row.taken + 1);
      }
    }
  });
}
