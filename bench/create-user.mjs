// What the SDK costs on top of its requests: createUser() and reset() side by side with bare `fetch` calls that send
// the same two requests, in turns, in one process, to one platform.

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
    const sdkMs = await timed(platform, `sdk ${run}`, async (code) => {
      await sdk.createUser({ authCode: code });
      await sdk.reset();
    });
    const fetchMs = await timed(platform, `fetch ${run}`, (code) => createAndResetByFetch(platform, code));
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

async function createAndResetByFetch(platform, code) {
  const created = await post(platform, "/sdk/v1/users", {
    authentication_code: code,
    install_id: randomBytes(16).toString("hex"),
    idempotency_key: randomBytes(16).toString("hex"),
    app: {},
    device: { class: "desktop", class_source: "runtime" },
    sdk: { version: "0.0.0", runtime: "node" },
  });
  await post(platform, "/sdk/v1/reset", {}, created.token.access_token);
}

async function post(platform, path, body, token) {
  const response = await fetch(platform.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer;
}
