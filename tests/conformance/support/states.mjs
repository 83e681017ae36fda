// How a device gets into each state of the table, through the public API and the platform's own doors.

import assert from "node:assert/strict";
import { authCode, readOwnProfile } from "../../e2e/support/backend.mjs";
import { eventually, within } from "../../e2e/support/deadline.mjs";
import { newExternalId } from "./arguments.mjs";
import { Situation } from "./situation.mjs";

const never = () => new Promise(() => undefined);
const refuse = async () => {
  throw new Error("the keychain is locked");
};

/** How to get there, by the state's name. */
const WAYS = {
  // Nothing was called yet. On the web the first call initializes the SDK.
  async fresh(situation) {
    await situation.start();
  },
  async initializing(situation) {
    await situation.start();
    const { items, instead } = situation.device.storage;
    const released = new Promise((resolve) => (situation.release = resolve));
    const reading = new Promise((resolve) => {
      instead.getItem = async (key) => {
        resolve();
        await released;
        return items.get(key) ?? null;
      };
    });
    void situation.initialize().catch(() => undefined);
    await within("that the storage is read", reading);
  },
  // The storage cannot be read: what the original calls not initialized.
  async unreadable(situation) {
    await situation.start();
    situation.device.storage.instead.getItem = refuse;
    await assert.rejects(situation.initialize());
  },
  async resetting(situation) {
    await WAYS.linked(situation);
    const writing = new Promise((resolve) => {
      situation.device.storage.instead.setItem = () => {
        resolve();
        return never();
      };
    });
    void situation.call("reset").catch(() => undefined);
    await within("that the reset writes", writing);
  },
  async "no user"(situation) {
    await situation.startInitialized();
  },
  async unlinked(situation) {
    await WAYS["no user"](situation);
    await situation.createUnlinkedUser();
  },
  async linked(situation) {
    await WAYS["no user"](situation);
    await situation.createLinkedUser();
  },
  async disabled(situation) {
    await WAYS.linked(situation);
    await situation.disableUser();
  },
  async deleted(situation) {
    await WAYS.linked(situation);
    await situation.deleteUser();
  },
  // Another device has restored the user.
  async displaced(situation) {
    await WAYS["no user"](situation);
    const externalId = newExternalId();
    const create = async (device) =>
      device.call("createUser", { authCode: await authCode(situation.platform, externalId) });
    await create(situation);
    const other = new Situation(situation.stage, situation.platform);
    situation.scope.after(() => other.end());
    await other.startInitialized();
    await create(other);
    await situation.learnThatUserIsBlocked();
  },

  async creating(situation) {
    await WAYS["no user"](situation);
    await situation.beginCreation();
  },
  async "storage refuses"(situation) {
    await WAYS.linked(situation);
    Object.assign(situation.device.storage.instead, { setItem: refuse, removeItem: refuse });
  },

  async offline(situation) {
    await WAYS.linked(situation);
    await goOffline(situation);
  },
  async "offline, no user"(situation) {
    await WAYS["no user"](situation);
    await goOffline(situation);
  },
  async "offline, unlinked"(situation) {
    await WAYS.unlinked(situation);
    await goOffline(situation);
  },
  async "offline, something to send"(situation) {
    await WAYS.linked(situation);
    await goOffline(situation);
    await situation.call("addUserMetadataField", "tier", "gold");
  },
  async "offline, expired token"(situation) {
    await WAYS.linked(situation);
    const { tokenId } = await situation.call("requestUserAccessToken");
    await goOffline(situation);
    await eventually("that the token expires", async () => {
      return (await readOwnProfile(situation.platform, tokenId)).status === 401;
    });
  },

  // Detections are enabled where there is nothing to detect with.
  async "without sensors"(situation) {
    await WAYS.linked(situation);
    await situation.call("enableDetections");
  },
  async detecting(situation) {
    await situation.start();
    await situation.becomePage();
    await situation.initialize();
    await situation.createLinkedUser();
    await situation.call("enableDetections");
    await eventually("that detections run", async () => {
      return (await situation.call("getSdkStatus")).detectionStatus === "ENABLED_AND_DETECTING";
    });
  },
  async "detecting, short trips"(situation) {
    await WAYS.detecting(situation);
  },
  async expired(situation) {
    await WAYS.linked(situation);
    await situation.call("enableDetectionsWithExpiryDate", Date.now() + 200);
    await eventually("that detections expire", async () => {
      return (await situation.call("getSdkStatus")).detectionStatus === "EXPIRED";
    });
  },
  async "on a trip"(situation) {
    await WAYS.detecting(situation);
    await situation.call("startTrip", null, 2);
  },
  async "on a trip, disabled"(situation) {
    await WAYS["on a trip"](situation);
    await situation.disableUser();
  },

  async "one entry"(situation) {
    await WAYS.linked(situation);
    await situation.call("addUserMetadataField", "tier", "gold");
  },
  async "fifty entries"(situation) {
    await WAYS.linked(situation);
    await situation.call("addUserMetadataFields", { $: "entries", count: 50 });
  },

  async "no random numbers"(situation) {
    await situation.start({ randomValues: false });
    await situation.initialize();
  },
  async "no WebAssembly"(situation) {
    await situation.start({ webAssembly: false });
  },
};

async function goOffline(situation) {
  await situation.hurry();
  situation.goOffline();
}

/** The states in which the first call ends them. */
export const PASSING = ["fresh", "initializing"];

/** The states that only the engine of that name has. */
export const ONLY_IN = { "no WebAssembly": "WebAssembly" };

/** The states that need a platform of their own, with these options. */
export const PLATFORMS = {
  "offline, expired token": { accessTokenLifetime: "2s" },
  "detecting, short trips": { tripTimeoutSeconds: 1 },
};

/** Every state, in the order of this file. */
export const STATES = Object.keys(WAYS);

/** Brings a new device into the state. */
export async function reach(state, stage) {
  const platform = await stage.platformFor(state);
  const situation = new Situation(stage, platform);
  try {
    await WAYS[state](situation);
  } catch (error) {
    await situation.end();
    throw error;
  }
  situation.reachedAt = Date.now();
  return situation;
}
