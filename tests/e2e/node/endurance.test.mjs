// What is left in Node's memory after very many calls.

import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { before, test } from "node:test";
import { ROOT } from "../support/artifacts.mjs";
import { installedEntries, installPackage } from "../support/consumer.mjs";
import { within } from "../support/deadline.mjs";
import { ENDURANCE, WITHOUT_OPTIMIZERS } from "../support/endurance.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startPlatform } from "../support/platform.mjs";

const APP = join(ROOT, "tests/e2e/node/apps/endurance.mjs");
const JOB_DEADLINE_MS = 300_000;

let platform;
let folder;

before(async () => {
  [platform, folder] = await Promise.all([startPlatform(fileScope), installPackage(fileScope)]);
});

/** Opens a device that is a process. */
async function openDevice(t) {
  const entry = join(installedEntries(folder), "index.js");
  const app = fork(APP, [entry, platform.url], { execArgv: ["--expose-gc", ...WITHOUT_OPTIMIZERS] });
  t.after(() => app.kill("SIGKILL"));
  const answer = async (what) => {
    const [{ value, error }] = await within(what, once(app, "message"), JOB_DEADLINE_MS);
    if (error) throw new Error(error);
    return value;
  };
  const run = (job, argument) => {
    app.send({ job, argument });
    return answer(job);
  };
  await answer("the app's start");
  return { run, measure: () => run("measure") };
}

for (const { title, run } of ENDURANCE) {
  test(title, (t) => run(t, { platform, openDevice }));
}
