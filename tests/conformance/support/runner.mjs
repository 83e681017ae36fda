// Makes a test of every row of the table, for one engine.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { authCode, readOwnProfile, readOwnTrips } from "../../e2e/support/backend.mjs";
import { eventually } from "../../e2e/support/deadline.mjs";
import { Scope } from "../../e2e/support/scope.mjs";
import { startPlatform } from "../../e2e/support/platform.mjs";
import { newExternalId } from "./arguments.mjs";
import { ENGINES } from "./engines.mjs";
import { assertOutcome, assertValue } from "./outcomes.mjs";
import { ONLY_IN, PASSING, PLATFORMS, STATES, reach } from "./states.mjs";
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
  #platforms = new Map();
  #spare = [];

  async prepare(engine) {
    this.startDevice = await ENGINES[engine](this.scope);
    const situation = await reach("no user", this);
    this.usedCode = await authCode(situation.platform, this.knownExternalId);
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

  /** The platform of a state; most have the same. */
  async platformFor(state) {
    const options = PLATFORMS[state];
    if (!this.#platforms.has(options)) this.#platforms.set(options, await startPlatform(this.scope, options));
    return this.#platforms.get(options);
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

async function assertAftermath({ nobody, unlinked, metadata, trip, then = [] }, situation) {
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
  if (trip) assertValue(await uploadedTrip(situation), trip);
  for (const { hears, call, arguments: described = [], outcome: expected } of then) {
    if (hears) {
      await assertHeard(situation, hears);
      continue;
    }
    const { args, outcome } = await situation.perform(call, described);
    assertOutcome(outcome, expected, codeOf(call), args);
  }
}

/** The listener was called as often as that, and not more often a moment later. */
async function assertHeard(situation, expected) {
  await eventually("that the listener is called", async () => {
    return (await situation.call("heard")).length >= expected.length;
  });
  await new Promise((resolve) => setTimeout(resolve, WAITING_MS));
  assertValue(await situation.call("heard"), expected);
}

/** What the platform knows of the user's trip once all was sent, in the table's words. */
async function uploadedTrip(situation) {
  await situation.call("submitDetections");
  const { tokenId } = await situation.call("requestUserAccessToken");
  const { body } = await readOwnTrips(situation.platform, tokenId);
  assert.equal(body.detections.length, 1, "there is one trip");
  const {
    metadata,
    transport_mode: mode = null,
    ended_at: end,
    timed_out: timedOut = false,
  } = body.detections[0].trip;
  return { metadata, mode, hasEnded: Boolean(end), timedOut: Boolean(timedOut) };
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
