/**
 * What each function can do in this runtime. It is found out by looking at the runtime, without the core: so an app can
 * ask before anything is loaded, and where the core cannot be loaded at all.
 */
import type { SentianceCoreFunctions } from "./sentiance-core.js";

/** How far a function does what it says. */
export interface Capability {
  readonly support: "full" | "partial" | "none";
  /** What keeps it from full support: a sentence for a developer. */
  readonly missing?: string;
}

/** A `Capability` for every function of the package, by its name. */
export type Capabilities = Readonly<Record<keyof SentianceCoreFunctions, Capability>>;

/** The parts of a runtime that decide; each may be absent. */
interface Runtime {
  readonly window?: unknown;
  readonly document?: unknown;
  readonly localStorage?: unknown;
  readonly indexedDB?: unknown;
  readonly fetch?: unknown;
  readonly crypto?: { readonly getRandomValues?: unknown };
  readonly isSecureContext?: boolean;
  readonly DeviceMotionEvent?: unknown;
  readonly navigator?: {
    readonly geolocation?: unknown;
    readonly permissions?: unknown;
    readonly connection?: { readonly type?: string };
  };
}

const FULL: Capability = { support: "full" };
const partial = (missing: string): Capability => ({ support: "partial", missing });
const none = (missing: string): Capability => ({ support: "none", missing });

const NO_FETCH = partial("There is no fetch: pass one to initialize.");
const DEPRECATED = none("It is deprecated and does nothing.");
const NOT_ON_THE_WEB = none("Not available on the web.");

/** What this runtime lets each function do. Nothing is asked of the user, the core or the network. */
export async function capabilities(): Promise<Capabilities> {
  const runtime = globalThis as unknown as Runtime;
  const { geolocation, permissions, connection } = runtime.navigator ?? {};
  const located = Boolean(geolocation) && runtime.isSecureContext !== false;
  const where = (ability: Capability) => (located ? ability : none("There is no geolocation here."));

  const creating = creation(runtime);
  const sending = runtime.fetch ? FULL : NO_FETCH;
  const motion = runtime.DeviceMotionEvent ? "." : ", and no motion.";
  const detecting = where(partial("Records only while the app is open and may have the location" + motion));
  const status = partial(
    "Does not tell battery, airplane mode and background" +
      (permissions ? "." : ", and the location permission only by what happens."),
  );
  const activity = where(partial("Tells only the app's trips, and standing still."));
  const network = connection?.type ? FULL : partial("Cannot tell mobile data from WiFi: all counts as WiFi.");

  return {
    initialize: FULL,
    ensureInitialized: FULL,
    capabilities: FULL,
    getInitState: FULL,
    getVersion: FULL,
    userExists: FULL,
    isUserLinked: FULL,
    getUserId: FULL,
    createUser: creating,
    linkUser: creating,
    linkUserWithAuthCode: creating,
    userLinkCallback: DEPRECATED,
    requestUserAccessToken: sending,
    reset: FULL,
    getSdkStatus: status,
    addSdkStatusUpdateListener: status,
    enableDetections: detecting,
    enableDetectionsWithExpiryDate: detecting,
    disableDetections: FULL,
    submitDetections: sending,
    getUserActivity: activity,
    addSdkUserActivityUpdateListener: activity,
    listenUserActivityUpdates: DEPRECATED,
    startTrip: where(partial("Records positions only while the app is open.")),
    stopTrip: where(FULL),
    isTripOngoing: where(partial("Only the app starts trips here.")),
    addTripMetadata: where(FULL),
    addTripTimeoutListener: where(partial("Called only while the app is open, else at the next start.")),
    listenTripTimeout: DEPRECATED,
    addUserMetadataField: FULL,
    addUserMetadataFields: FULL,
    removeUserMetadataField: FULL,
    getWiFiQuotaLimit: FULL,
    getWiFiQuotaUsage: network,
    getMobileQuotaLimit: FULL,
    getMobileQuotaUsage: network,
    getDiskQuotaLimit: where(
      hasLocalStorage(runtime) && runtime.indexedDB
        ? FULL
        : partial("At most 256 KB can wait: more needs a page with localStorage and IndexedDB."),
    ),
    getDiskQuotaUsage: FULL,
    setTransmittableDataTypes: FULL,
    getTransmittableDataTypes: FULL,
    setIsAllowedToUseMobileData: network,
    isAllowedToUseMobileData: FULL,
    setAppSessionDataCollectionEnabled: partial("The setting is kept, and changes nothing."),
    isAppSessionDataCollectionEnabled: FULL,
    updateSdkNotification: NOT_ON_THE_WEB,
    disableBatteryOptimization: NOT_ON_THE_WEB,
  };
}

function creation(runtime: Runtime): Capability {
  if (!runtime.crypto?.getRandomValues) {
    return none("There are no secure random numbers: import react-native-get-random-values first.");
  }
  if (!runtime.fetch) return NO_FETCH;
  return hasLocalStorage(runtime)
    ? FULL
    : partial("The user is lost when the app ends: pass a storage to initialize.");
}

/** Only a page's: Node has one of its own, which the SDK leaves alone, and React Native has a `window` and no document. */
function hasLocalStorage(runtime: Runtime): boolean {
  try {
    return Boolean(runtime.window && runtime.document && runtime.localStorage);
  } catch {
    // A browser that denies it refuses the mere look.
    return false;
  }
}
