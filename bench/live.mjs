// How long it takes until a device hears what was decided elsewhere: that another one took over, and, through the
// platform's command line, that its user was disabled or enabled. The clock runs from before the decision is asked for.

import { authCode } from "../tests/e2e/support/backend.mjs";
import { launchChromium, openPageDevice } from "../tests/e2e/support/chromium.mjs";
import { eventually } from "../tests/e2e/support/deadline.mjs";
import { startLocalDevice } from "../tests/e2e/support/local-device.mjs";
import { bundleWithEsbuild, startPages } from "../tests/e2e/support/pages.mjs";

const SETTLE_MS = 100;
const PATIENCE_MS = 30_000;

/** Measures takeovers in Node and in a hidden page, and decisions on the command line. In milliseconds. */
export async function measureLive(scope, { platform, project, runs, commands }) {
  const other = await startLocalDevice(project, { platformUrl: platform.url, storage: "memory" });
  const inNode = await startLocalDevice(project, { platformUrl: platform.url, storage: "memory" });
  await inNode.call("addSdkStatusUpdateListener");
  const nodeMs = await measureTakeovers(platform, inNode, other, runs);

  const pages = await startPages(scope, await bundleWithEsbuild(project));
  const browser = await launchChromium(scope);
  const page = await openPageDevice(scope, browser, pages.address(platform), {
    prepare: () => Object.defineProperty(Document.prototype, "visibilityState", { value: "hidden" }),
  });
  await page.call("addSdkStatusUpdateListener");
  const pageMs = await measureTakeovers(platform, page, other, runs);
  return { nodeMs, pageMs, commandMs: await measureCommands(platform, inNode, commands) };
}

/** Lets `other` take over from `device` again and again. */
async function measureTakeovers(platform, device, other, runs) {
  const measured = [];
  for (let run = 0; run < runs; run += 1) {
    const externalId = `takeover ${run}`;
    await device.call("createUser", { authCode: await authCode(platform, externalId) });
    await settle();
    const code = await authCode(platform, externalId);
    measured.push(await untilHeard(device, false, () => other.call("createUser", { authCode: code })));
    await Promise.all([device.call("reset"), other.call("reset")]);
  }
  return measured;
}

async function measureCommands(platform, device, runs) {
  const { userInfo } = await device.call("createUser", { authCode: await authCode(platform, "commands") });
  const measured = [];
  for (let run = 0; run < runs; run += 1) {
    await settle();
    const isEnabled = run % 2 === 1;
    const command = isEnabled ? "enable" : "disable";
    const decide = () => platform.command("user", command, "--app", platform.appId, userInfo.userId);
    measured.push(await untilHeard(device, isEnabled, decide));
  }
  await device.call("reset");
  return measured;
}

/** Does something, and returns how long after that began the device hears of it. */
async function untilHeard(device, isEnabled, decide) {
  device.statuses = [];
  let heardAt;
  device.statuses.push = (status) => {
    if (status.userExists && status.isRemoteEnabled === isEnabled) heardAt ??= performance.now();
    return 0;
  };
  const start = performance.now();
  await decide();
  await eventually("that the device hears of it", () => heardAt, PATIENCE_MS);
  return heardAt - start;
}

/** Lets the stream open. */
function settle() {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}
