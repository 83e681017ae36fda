// What each function of the package does in a runtime, seen from outside: on the platform, after a restart, by a listener.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../e2e/support/artifacts.mjs";
import { authCode, readDetections, readOwnProfile } from "../../e2e/support/backend.mjs";
import { eventually } from "../../e2e/support/deadline.mjs";

const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const PATIENCE_MS = 15_000;
/** How long nothing is waited for where there is no geolocation. */
const SILENCE_MS = 300;

const level = (works, completely) => (works ? (completely ? "full" : "partial") : "none");
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** Whether `probe` comes true in time. */
const comesTrue = (probe, ms = PATIENCE_MS) =>
  eventually("what is observed", probe, ms).then(
    () => true,
    () => false,
  );

/**
 * Observes every function.
 *
 * @param world.device - A device whose app has called nothing yet.
 * @param world.platform - The platform of its users.
 * @param world.hasty - Another one, where a trip times out after a second.
 * @param world.moveTo - Moves the device.
 * @param world.setNetwork - Connects it by another kind of network, where the runtime tells the kind.
 * @returns The level of each function by its name, and what else was seen: whether motion was recorded.
 */
export async function observe(world) {
  const seen = {};
  await observeStart(world, seen);
  await observeUsers(world, seen);
  await observeMetadata(world, seen);
  await observeSettings(world, seen);
  const facts = await observeDetections(world, seen);
  await observeTrips(world, seen);
  await observeNetwork(world, seen);
  await observeRest(world, seen);
  return { seen, facts };
}

async function observeStart({ device, platform }, seen) {
  const before = await device.call("getInitState");
  await device.call("initialize", { platformUrl: platform.url });
  const after = await device.call("getInitState");
  seen.capabilities = level(await device.call("capabilities"), true);
  seen.initialize = level(after === "INITIALIZED", before === "NOT_INITIALIZED");
  seen.getInitState = level(before !== after, true);
  await device.call("ensureInitialized");
  seen.ensureInitialized = level((await device.call("getInitState")) === "INITIALIZED", true);
  seen.getVersion = level((await device.call("getVersion")) === version, true);
}

async function observeUsers({ device, platform }, seen) {
  const call = (...args) => device.call(...args);
  const exists = [await call("userExists")];
  const credentials = { appId: platform.appId, appSecret: platform.appSecret };
  await call("createUnlinked", credentials);
  const linked = [await call("isUserLinked")];
  await call("startLinking");
  const installId = await eventually("that the linker is asked", () => call("installToLink"));
  await fetch(`${platform.url}/v2/users/${installId}/link`, {
    method: "POST",
    headers: { authorization: `Bearer ${platform.apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ external_id: `linked ${installId}` }),
  });
  await call("finishLinking");
  linked.push(await call("isUserLinked"));
  await call("reset");
  await call("createUnlinked", credentials);
  await call("linkUserWithAuthCode", await authCode(platform, `code ${installId}`));
  linked.push(await call("isUserLinked"));
  await call("reset");
  exists.push(await call("userExists"));

  const code = () => authCode(platform, `user ${installId}`);
  const { userInfo } = await call("createUser", { authCode: await code() });
  exists.push(await call("userExists"));
  await device.restart();
  await call("initialize", { platformUrl: platform.url });
  const isKept = await call("userExists");
  if (!isKept) await call("createUser", { authCode: await code() });
  seen.createUser = level(userInfo.userId, isKept);
  seen.linkUser = level(linked[1], isKept);
  seen.linkUserWithAuthCode = level(linked[2], isKept);
  seen.isUserLinked = level(same(linked, [false, true, true]), true);
  seen.userExists = level(same(exists, [false, false, true]), true);
  const userId = await call("getUserId");
  seen.getUserId = level(userId === userInfo.userId, true);
  const { tokenId } = await call("requestUserAccessToken");
  const { status } = await readOwnProfile(platform, tokenId);
  seen.requestUserAccessToken = level(status === 200, true);
}

async function observeMetadata({ device, platform }, seen) {
  await device.call("addUserMetadataField", "tier", "gold");
  await device.call("addUserMetadataFields", { a: "1", b: "2" });
  await device.call("removeUserMetadataField", "a");
  await device.call("submitDetections");
  const { tokenId } = await device.call("requestUserAccessToken");
  const { body } = await readOwnProfile(platform, tokenId);
  const { tier, a, b } = body.metadata;
  seen.addUserMetadataField = level(tier === "gold", true);
  seen.addUserMetadataFields = level(b === "2", true);
  seen.removeUserMetadataField = level(a === undefined, true);
}

async function observeSettings({ device }, seen) {
  const call = (...args) => device.call(...args);
  const types = [await call("getTransmittableDataTypes")];
  await call("setTransmittableDataTypes", ["SDK_INFO"]);
  types.push(await call("getTransmittableDataTypes"));
  await call("setTransmittableDataTypes", ["ALL"]);
  const areChosen = same(types, [["ALL"], ["SDK_INFO"]]);
  seen.setTransmittableDataTypes = level(areChosen, true);
  seen.getTransmittableDataTypes = level(areChosen, true);
  await call("setIsAllowedToUseMobileData", false);
  seen.isAllowedToUseMobileData = level((await call("isAllowedToUseMobileData")) === false, true);
  await call("setIsAllowedToUseMobileData", true);
  const before = await call("getSdkStatus");
  await call("setAppSessionDataCollectionEnabled", true);
  const isKept = await call("isAppSessionDataCollectionEnabled");
  seen.isAppSessionDataCollectionEnabled = level(isKept, true);
  seen.setAppSessionDataCollectionEnabled = level(isKept, !same(before, await call("getSdkStatus")));
}

async function observeDetections({ device, platform, moveTo }, seen) {
  const call = (...args) => device.call(...args);
  const userId = await call("getUserId");
  const isDetecting = async () => (await call("getSdkStatus")).detectionStatus === "ENABLED_AND_DETECTING";
  const latitudes = async () => {
    await call("submitDetections");
    return (await readDetections(platform, userId)).map(({ position }) => position?.latitude);
  };
  await call("addSdkStatusUpdateListener");
  await call("listenTo", "addSdkUserActivityUpdateListener");
  await moveTo?.(51, 4);
  await call("enableDetectionsWithExpiryDate", Date.now() + 3_600_000);
  const { isGpsPresent } = await call("getSdkStatus");
  const patience = isGpsPresent ? PATIENCE_MS : SILENCE_MS;
  if (await call("hasGeolocation")) await call("locate");
  const detects = await comesTrue(isDetecting, patience);
  await moveTo?.(51.001, 4);
  const waits = detects && (await comesTrue(async () => (await call("getDiskQuotaUsage")) !== "0"));
  const inDatabase = waits && (await call("countInDatabase")) > 0;
  const records = detects && (await comesTrue(async () => (await latitudes()).includes(51.001)));
  seen.enableDetectionsWithExpiryDate = level(records, false);
  seen.submitDetections = level(true, !detects || records);
  seen.getDiskQuotaLimit = level(waits && Number(await call("getDiskQuotaLimit")) > 0, inDatabase);
  seen.getDiskQuotaUsage = level((await call("getDiskQuotaUsage")) === "0", true);

  await call("disableDetections");
  await moveTo?.(51.002, 4);
  const stops = !(await isDetecting()) && !(await latitudes()).includes(51.002);
  seen.disableDetections = level(stops, true);
  await call("enableDetections");
  const again = await comesTrue(isDetecting, patience);
  await moveTo?.(51.003, 4);
  const recordsAgain = again && (await comesTrue(async () => (await latitudes()).includes(51.003)));
  seen.enableDetections = level(recordsAgain, false);

  const status = await call("getSdkStatus");
  const tellsAll = "isAirplaneModeEnabled" in status && status.backgroundRefreshStatus === "AVAILABLE";
  seen.getSdkStatus = level(status.userExists, tellsAll);
  seen.addSdkStatusUpdateListener = level(await comesTrue(() => device.statuses.length > 0), tellsAll);
  const detections = await readDetections(platform, userId);
  return { motion: detections.some(({ type }) => type === "motion") };
}

async function observeTrips({ device, platform, hasty }, seen) {
  const call = (...args) => device.call(...args);
  const succeeds = (...args) => call(...args).then(Boolean, () => false);
  const starts = await succeeds("startTrip", { a: "1" }, 2);
  const going = await call("isTripOngoing", "TRIP_TYPE_EXTERNAL");
  const { type } = await call("getUserActivity");
  const adds = await call("addTripMetadata", { b: "2" });
  const stops = await succeeds("stopTrip");
  const userId = await call("getUserId");
  const arrives =
    stops &&
    (await comesTrue(async () => {
      await call("submitDetections");
      const text = JSON.stringify(await readDetections(platform, userId));
      return /"a":\s*"1"/.test(text) && /"b":\s*"2"/.test(text);
    }));
  seen.startTrip = level(starts && arrives, false);
  seen.stopTrip = level(stops && arrives, true);
  seen.addTripMetadata = level(adds && arrives, true);
  // No trip is found by the SDK itself.
  seen.isTripOngoing = level(going, false);
  seen.getUserActivity = level(type === "USER_ACTIVITY_TYPE_TRIP", false);
  const activities = await call("heardBy", "addSdkUserActivityUpdateListener");
  const heardTrip = activities.some(([activity]) => activity.type === "USER_ACTIVITY_TYPE_TRIP");
  seen.addSdkUserActivityUpdateListener = level(heardTrip, false);

  await call("reset");
  const code = await authCode(hasty, `hasty ${userId}`);
  await call("createUser", { authCode: code, platformUrl: hasty.url });
  await call("listenTo", "addTripTimeoutListener");
  await call("enableDetections");
  const ends =
    (await comesTrue(() => succeeds("startTrip", null, 2), starts ? PATIENCE_MS : SILENCE_MS)) &&
    (await comesTrue(async () => (await call("heardBy", "addTripTimeoutListener")).length > 0));
  seen.addTripTimeoutListener = level(ends, false);
}

async function observeNetwork({ device, setNetwork }, seen) {
  const call = (...args) => device.call(...args);
  const wifi = Number(await call("getWiFiQuotaUsage"));
  await setNetwork?.("cellular");
  await call("addUserMetadataField", "network", "another");
  await call("submitDetections");
  const tells = await comesTrue(
    async () => Number(await call("getMobileQuotaUsage")) > 0,
    setNetwork ? PATIENCE_MS : SILENCE_MS,
  );
  seen.getWiFiQuotaUsage = level(wifi > 0, tells);
  seen.getMobileQuotaUsage = level(true, tells);
  seen.setIsAllowedToUseMobileData = level(true, tells);
  seen.getWiFiQuotaLimit = level(Number(await call("getWiFiQuotaLimit")) > 0, true);
  seen.getMobileQuotaLimit = level(Number(await call("getMobileQuotaLimit")) > 0, true);
}

/** What has no effect, and what removes all. */
async function observeRest({ device }, seen) {
  const before = await device.call("getSdkStatus");
  for (const [name, ...args] of [
    ["updateSdkNotification", "title", "text"],
    ["disableBatteryOptimization"],
    ["listenUserActivityUpdates"],
    ["listenTripTimeout"],
    ["userLinkCallback", true],
  ]) {
    const result = await device.call(name, ...args);
    seen[name] = level(result || !same(before, await device.call("getSdkStatus")), true);
  }
  await device.call("reset");
  await device.restart();
  seen.reset = level(!(await device.call("userExists")), true);
}
