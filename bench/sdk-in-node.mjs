// What the SDK costs in Node, as a CommonJS app that installed the package meets it.

import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { authCode } from "../tests/e2e/support/backend.mjs";
import { compareCreations, compareStatusCalls } from "./comparisons.mjs";

/**
 * Compares creations for users that are kept in memory, in memory behind a slow network, and in a file; and calls of
 * `getSdkStatus`.
 *
 * @param slowUrl - The platform's address on the slow network.
 */
export async function measureInNode({ platform, slowUrl, project, runs }) {
  const require = createRequire(join(project, "package.json"));
  const sdk = require("@sentiance-react-native/core");
  const compare = async (platformUrl, storage, write) => {
    await sdk.initialize({ platformUrl, storage });
    return compareCreations({ sdk, write, runs, authCode: (externalId) => authCode(platform, externalId) });
  };

  const memory = new Map();
  const writeToMemory = (text) => memory.set("answer", text);
  const inMemory = await compare(platform.url, "memory", writeToMemory);
  const slowly = await compare(slowUrl, "memory", writeToMemory);
  const inFile = await compare(platform.url, { file: join(project, "sentiance.json") }, (text) =>
    writeFileSync(join(project, "answer.json"), text, { flush: true }),
  );
  return { inMemory, slowly, inFile, statusCalls: await measureStatusCalls(platform, sdk) };
}

async function measureStatusCalls(platform, sdk) {
  await sdk.createUser({ authCode: await authCode(platform, "status") });
  const measured = await compareStatusCalls(sdk);
  await sdk.reset();
  return measured;
}
