// What a creation costs the platform while an application grows: its processor time, and the caller's.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { promisify } from "node:util";
import { ROOT } from "../tests/e2e/support/artifacts.mjs";
import { startPlatform } from "../tests/e2e/support/platform.mjs";

const run = promisify(execFile);
/** Of a tick of the kernel's accounting, in milliseconds: `getconf CLK_TCK` is 100 on every Linux. */
const TICK_MS = 10;
const SEED_DEADLINE_MS = 300_000;

/**
 * Creates `creations` users by codes in applications that have `sizes` users already, in turns so that a busy machine
 * slows all of them. Returns for each size the processor time of one creation (its code included) and its latency.
 */
export async function measureScale(scope, { sizes, creations, rounds }) {
  const platforms = [];
  for (const users of sizes) {
    const platform = await startPlatform(scope);
    if (users > 0) await seed(platform, users);
    await create(platform, 50);
    platforms.push({ users, platform, cpuMs: [], latencyMs: [] });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const { platform, cpuMs, latencyMs } of platforms) {
      const before = await processorMs(platform.pid);
      const begin = performance.now();
      await create(platform, creations);
      latencyMs.push((performance.now() - begin) / creations);
      cpuMs.push(((await processorMs(platform.pid)) - before) / creations);
    }
  }
  return platforms;
}

async function seed({ databaseFile }, users) {
  const example = ["run", "--quiet", "--locked", "-p", "sentiance-platform", "--example", "seed_users", "--"];
  await run("cargo", [...example, databaseFile, String(users)], { cwd: ROOT, timeout: SEED_DEADLINE_MS });
}

async function create({ url, apiKey }, count) {
  for (let user = 0; user < count; user += 1) {
    const external_id = randomBytes(8).toString("hex");
    const { authentication_code } = await post(`${url}/users/auth-code`, { external_id }, apiKey);
    await post(`${url}/sdk/v1/users`, {
      authentication_code,
      install_id: randomBytes(16).toString("hex"),
      idempotency_key: randomBytes(16).toString("hex"),
      app: {},
      device: { class: "phone", class_source: "override" },
      sdk: { version: "0.1.0", runtime: "node" },
    });
  }
}

async function post(url, body, key) {
  const headers = { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** Of all threads of a process, since its start. */
async function processorMs(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
