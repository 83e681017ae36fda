// What the SDK costs on top of its request: createUser() side by side with a bare `fetch` that sends the same request,
// in turns, in one process, to one platform.

import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { authCode } from "../tests/e2e/support/backend.mjs";

const WARM_UP_RUNS = 3;

/** Runs both ways `runs` times, with a new user each time. */
export async function measureCreateUser(platform, project, runs) {
  const require = createRequire(join(project, "package.json"));
  const sdk = require("@sentiance-react-native/core");
  await sdk.initialize({ platformUrl: platform.url, storage: "memory" });

  const measured = { sdkMs: [], fetchMs: [] };
  for (let run = -WARM_UP_RUNS; run < runs; run += 1) {
    const sdkMs = await timed(platform, `sdk ${run}`, (code) => sdk.createUser({ authCode: code }));
    await sdk.reset();
    const fetchMs = await timed(platform, `fetch ${run}`, (code) => createByFetch(platform, code));
    if (run < 0) continue;
    measured.sdkMs.push(sdkMs);
    measured.fetchMs.push(fetchMs);
  }
  return measured;
}

async function timed(platform, externalId, work) {
  const code = await authCode(platform, externalId);
  const begin = performance.now();
  await work(code);
  return performance.now() - begin;
}

async function createByFetch(platform, code) {
  const response = await fetch(`${platform.url}/sdk/v1/users`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      authentication_code: code,
      install_id: randomBytes(16).toString("hex"),
      idempotency_key: randomBytes(16).toString("hex"),
      app: {},
      device: { class: "desktop", class_source: "runtime" },
      sdk: { version: "0.0.0", runtime: "node" },
    }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`the platform answered ${response.status}: ${JSON.stringify(answer)}`);
}
