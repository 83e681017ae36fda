// Makes a test of every row of the table, for one engine.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { authCode, readOwnProfile } from "../../e2e/support/backend.mjs";
import { Scope } from "../../e2e/support/scope.mjs";
import { startPlatform } from "../../e2e/support/platform.mjs";
import { newExternalId } from "./arguments.mjs";
import { ENGINES } from "./engines.mjs";
import { assertOutcome } from "./outcomes.mjs";
import { ONLY_IN, PASSING, SHORT_LIVED, STATES, reach } from "./states.mjs";
import { codeOf, rowsByState } from "./table.mjs";

/** How long a situation is used: an operation of the storage that hangs is given up after three seconds. */
const FRESH_MS = 1_500;
/** How long a call that waits is watched. */
const WAITING_MS = 20;

/** What all states of one engine share. */
class Stage {
  scope = new Scope();
  /** Starts a device, whose app has called nothing yet. */
  startDevice;
  /** A user of the app whom the platform knows. */
  knownExternalId = newExternalId();
  /** A code that was used up. */
  usedCode = "";
  #platform;
  #shortLived;
  #spare = [];

  async prepare(engine) {
    this.#platform = await startPlatform(this.scope);
    this.startDevice = await ENGINES[engine](this.scope);
    this.usedCode = await authCode(this.#platform, this.knownExternalId);
    const situation = await reach("no user", this);
    await situation.call("createUser", { authCode: this.usedCode });
    await situation.call("reset");
    await situation.end();
  }

  /** A device that another situation has left. Starting an engine costs more than all calls of a test. */
  takeSpare() {
    return this.#spare.pop();
  }

  keepSpare(device) {
    this.#spare.push(device);
  }

  async platformFor(state) {
    if (!SHORT_LIVED.includes(state)) return this.#platform;
    this.#shortLived ??= await startPlatform(this.scope, { accessTokenLifetime: "2s" });
    return this.#shortLived;
  }
}

/** Runs the table in an engine. */
export function runConformance(engine) {
  const stage = new Stage();
  let situation;
  const leave = async () => {
    await situation?.end();
    situation = undefined;
  };

  before(() => stage.prepare(engine));
  after(async () => {
    await leave();
    await stage.scope.close();
  });

  const byState = rowsByState();
  for (const state of STATES.filter((name) => (ONLY_IN[name] ?? engine) === engine)) {
    for (const [at, row] of (byState.get(state) ?? []).entries()) {
      test(`${state}: ${row.name}(${describe(row.arguments)})`, async () => {
        if (at === 0 || (situation && Date.now() - situation.reachedAt > FRESH_MS)) await leave();
        situation ??= await reach(state, stage);
        try {
          await check(row, situation);
        } catch (error) {
          await leave();
          throw error;
        }
        if (row.outcome.changes || PASSING.includes(state)) await leave();
      });
    }
  }
}

async function check(row, situation) {
  const { outcome: expected, code, name, state } = row;
  if (expected.impatient) await situation.hurry();
  const performed = situation.perform(name, row.arguments);
  if (state === "initializing" && !expected.atOnce) await assertWaits(performed, situation);
  const { args, outcome } = await performed;
  assertOutcome(outcome, expected, code, args);
  await assertAftermath(expected, situation);
}

/** The call waits until the storage has been read. */
async function assertWaits(performed, situation) {
  const waiting = new Promise((resolve) => setTimeout(resolve, WAITING_MS, "waiting"));
  assert.equal(await Promise.race([performed, waiting]), "waiting");
  situation.release();
}

async function assertAftermath({ nobody, unlinked, metadata, then = [] }, situation) {
  if (nobody) {
    assert.equal(await situation.call("userExists"), false);
    assert.equal(await situation.call("isUserLinked"), false);
    assert.equal(await situation.call("getUserId"), null);
  }
  if (unlinked) {
    assert.equal(await situation.call("userExists"), true);
    assert.equal(await situation.call("isUserLinked"), false);
  }
  if (metadata) assert.deepEqual(await uploadedMetadata(situation), metadata);
  for (const { call, arguments: described = [], outcome: expected } of then) {
    const { args, outcome } = await situation.perform(call, described);
    assertOutcome(outcome, expected, codeOf(call), args);
  }
}

/** The user's metadata, as the platform knows it once all was sent. */
async function uploadedMetadata(situation) {
  await situation.call("submitDetections");
  const { tokenId } = await situation.call("requestUserAccessToken");
  const { body } = await readOwnProfile(situation.platform, tokenId);
  return body.metadata;
}

function describe(args) {
  return args.map((argument) => JSON.stringify(argument)).join(", ");
}
