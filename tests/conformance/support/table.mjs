// The table of the API, read from api/*.json: which function, with which arguments, in which state, has which outcome.
// Each file is a list of functions:
//
// - `outcomes` says what the call with the usual `arguments` comes to, state by state or for a group of states;
// - `guarded` adds that it is refused where the SDK is not initialized;
// - `cases` lists calls with other arguments, or in other states.
//
// How an outcome is written is said in outcomes.mjs; how a state is reached, in states.mjs.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../e2e/support/artifacts.mjs";

const FOLDER = join(ROOT, "tests/conformance/api");

/** States in which all functions are called; a group's outcome holds for each of its states that has none of its own. */
export const GROUPS = {
  empty: ["fresh", "initializing", "no user"],
  user: ["unlinked", "linked"],
  blocked: ["disabled", "deleted", "displaced"],
  guarded: ["unreadable", "resetting"],
};

/** The functions as the files have them. */
export const FUNCTIONS = readdirSync(FOLDER)
  .sort()
  .flatMap((file) => JSON.parse(readFileSync(join(FOLDER, file), "utf8")));

/** A function's own error code. */
export function codeOf(name) {
  return FUNCTIONS.find((entry) => entry.name === name).code;
}

/** One call: `{name, state, arguments, outcome}`, with the function's own error code as `code`. */
export const ROWS = FUNCTIONS.flatMap((entry) => [...usualRows(entry), ...cases(entry)]);

function usualRows({ name, code, guarded, arguments: args, outcomes }) {
  return Object.entries(GROUPS).flatMap(([group, states]) =>
    states.map((state) => {
      const outcome =
        outcomes[state] ?? outcomes[group] ?? (group === "guarded" && guarded && { guard: true });
      if (!outcome) throw new Error(`the table does not say what ${name} comes to in the state "${state}"`);
      return { name, code, state, arguments: args, outcome };
    }),
  );
}

function cases({ name, code, cases: listed = [] }) {
  return listed.map(({ in: state, arguments: args, outcome }) => ({
    name,
    code,
    state,
    arguments: args,
    outcome,
  }));
}

/** The rows by their state. Those that change it come last: the others share one device. */
export function rowsByState() {
  const byState = new Map();
  for (const row of ROWS) byState.set(row.state, [...(byState.get(row.state) ?? []), row]);
  const rank = ({ outcome }) => (outcome.changes ? 1 : 0);
  for (const rows of byState.values()) rows.sort((one, other) => rank(one) - rank(other));
  return byState;
}
