// The platform: how long from its start to the first answer, and how much memory it holds when idle.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { PLATFORM_BINARY } from "../tests/e2e/support/artifacts.mjs";
import { makeFolder } from "../tests/e2e/support/folder.mjs";

const START_DEADLINE_MS = 20_000;
const RETRY_MS = 1;
const SETTLE_MS = 2_000;

/** Starts the platform `runs` times; each time with a new database, and again with that same one. */
export async function measurePlatform(scope, runs) {
  const measured = { newDatabaseMs: [], knownDatabaseMs: [], idleMegabytes: [] };
  for (let run = 0; run < runs; run += 1) {
    const database = join(await makeFolder(scope, "bench"), "platform.db");
    for (const times of [measured.newDatabaseMs, measured.knownDatabaseMs]) {
      const { child, ms } = await startServer(scope, database);
      times.push(ms);
      if (run === 0) {
        await pause(SETTLE_MS);
        measured.idleMegabytes.push(await residentMegabytes(child.pid));
      }
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    }
  }
  return measured;
}

async function startServer(scope, database) {
  const address = `127.0.0.1:${await freePort()}`;
  const begin = performance.now();
  const child = spawn(PLATFORM_BINARY, ["serve", "--address", address, "--database", database], {
    stdio: "ignore",
  });
  scope.after(() => child.kill("SIGKILL"));
  while (!(await isReady(address))) {
    if (performance.now() - begin > START_DEADLINE_MS) throw new Error("the platform does not answer");
    await pause(RETRY_MS);
  }
  return { child, ms: performance.now() - begin };
}

async function isReady(address) {
  try {
    const response = await fetch(`http://${address}/readyz`, {
      signal: AbortSignal.timeout(START_DEADLINE_MS),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

async function residentMegabytes(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) / 1024;
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
