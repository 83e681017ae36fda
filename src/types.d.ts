/**
 * The types of the API, defined once: the WebAssembly module's own declarations include this file, and the npm
 * package's facade re-exports it.
 */

// Only what says `export` is exported.
export {};

/** Where the SDK's life cycle stands. */
export type SdkInitState =
  "NOT_INITIALIZED" | "INIT_IN_PROGRESS" | "INITIALIZED" | "RESETTING" | "UNRECOGNIZED_STATE";

/** Whether detections run, and if not, why. */
export type DetectionStatus = "DISABLED" | "EXPIRED" | "ENABLED_BUT_BLOCKED" | "ENABLED_AND_DETECTING";

/**
 * The most that the app can have of the device's location. `ONLY_WHILE_IN_USE` also where the person was not asked yet, or
 * the runtime does not tell: look at `isPreciseLocationAuthorizationGranted`, and ask while that is false. `NEVER`: the
 * person has refused, or there is no geolocation; to ask again does not help.
 */
export type LocationPermission = "ALWAYS" | "ONLY_WHILE_IN_USE" | "NEVER";

/** Whether the system lets the app work in the background. */
export type BackgroundRefreshStatus = "AVAILABLE" | "DENIED" | "RESTRICTED";

/** Who started a trip: the SDK's own detection, or the app. */
export type TripType = "TRIP_TYPE_SDK" | "TRIP_TYPE_EXTERNAL";

/** What the SDK may send to the platform. */
export type TransmittableDataType = "ALL" | "SDK_INFO" | "VEHICLE_CRASH_INFO" | "GENERAL_DETECTIONS";

/** A user on this device, and the token with which the app may ask the platform about it. */
export interface UserInfo {
  /** The Sentiance user id. */
  userId: string;
  /** The user access token: a secret, sent as `Authorization: Bearer`. */
  tokenId: string;
  /** When the token expires, by the platform's clock, as `YYYY-MM-DDTHH:mm:ss.sssZ`. */
  tokenExpiryDate: string;
  /** The same in milliseconds since the Unix epoch. */
  tokenExpiryEpochTimeMs?: number;
  /** Whether it has expired already. */
  isTokenExpired: boolean;
}

/** What `createUser` resolves with. */
export interface CreateUserResult {
  userInfo: UserInfo;
}

/** What `linkUser` and `linkUserWithAuthCode` resolve with. */
export interface UserLinkingResult {
  userInfo: UserInfo;
}

/**
 * Has the app's backend link the install to the app's own user, and tells whether that worked.
 *
 * @param installId - What the backend passes to the platform.
 */
export type Linker = (installId: string) => Promise<boolean>;

/** A `Linker`, or one that answers at once. */
export type AnyLinker = (installId: string) => Promise<boolean> | boolean;

declare const noOpLinker: unique symbol;

/** The type of `NO_OP_LINKER`; no other value has it. */
export interface NoOpLinker {
  readonly [noOpLinker]: true;
}

/** How to create a user: with `authCode`, or with `appId`, `appSecret` and `linker`. */
export interface UserCreationOptions {
  /** The authentication code that the app's backend got from the platform for its user. */
  authCode?: string;
  /** The platform's address; without it, the one given to `initialize`, else the default one. */
  platformUrl?: string;
  /** The application's id, where no authentication code is used. */
  appId?: string;
  /** The application's secret, where no authentication code is used. */
  appSecret?: string;
  /** Links the new user, or `NO_OP_LINKER` for a user that stays unlinked. */
  linker?: AnyLinker | NoOpLinker;
}

/** What `requestUserAccessToken` resolves with. */
export interface UserAccessToken {
  /** The token: a secret, sent as `Authorization: Bearer`. */
  tokenId: string;
  /** When it expires, by the platform's clock, as `YYYY-MM-DDTHH:mm:ss.sssZ`. */
  expiryDate?: string;
  /** The same in milliseconds since the Unix epoch. */
  expiryEpochTimeMs?: number;
}

/** What `reset` resolves with. */
export interface ResetResult {
  /** The state after the reset: one of `SdkInitState`. */
  initState: string;
}

/** What the SDK can do at this moment, and what keeps it from more. */
export interface SdkStatus {
  /** Deprecated: see `detectionStatus`. */
  startStatus: string;
  detectionStatus: DetectionStatus;
  /** Whether every precondition of a detection holds. */
  canDetect: boolean;
  /** False where the platform has disabled this user, or another device is its active one. */
  isRemoteEnabled: boolean;
  isAccelPresent: boolean;
  isGyroPresent: boolean;
  isGpsPresent: boolean;
  /** `OK`, `WARNING` or `EXCEEDED`, as are the next two. */
  wifiQuotaStatus: string;
  mobileQuotaStatus: string;
  diskQuotaStatus: string;
  locationPermission: LocationPermission;
  /** Whether there is a user on this device. */
  userExists: boolean;
  /** Whether positions may be read, as far as is known; while it is false, the app has to ask the person. */
  isPreciseLocationAuthorizationGranted: boolean;
  backgroundRefreshStatus: BackgroundRefreshStatus;
  canMonitorGeofences: boolean;
  isBgAccessPermGranted?: boolean;
  isActivityRecognitionPermGranted?: boolean;
  isAirplaneModeEnabled?: boolean;
  isLocationAvailable?: boolean;
  isGooglePlayServicesMissing?: boolean;
  isBatteryOptimizationEnabled?: boolean;
  isBatterySavingEnabled?: boolean;
  isBackgroundProcessingRestricted?: boolean;
  isSchedulingExactAlarmsPermitted?: boolean;
  /** `OK`, `DISABLED`, `BATTERY_SAVING` or `DEVICE_ONLY`. */
  locationSetting?: string;
}

/** What `enableDetections` and `enableDetectionsWithExpiryDate` resolve with. */
export interface EnableDetectionsResult {
  sdkStatus: SdkStatus;
  /** Success does not mean that detections run: look here. */
  detectionStatus: DetectionStatus;
}

/** What `disableDetections` resolves with. */
export interface DisableDetectionsResult {
  sdkStatus: SdkStatus;
  detectionStatus: DetectionStatus;
}

/** A place at a time. */
export interface Location {
  /** Milliseconds since the Unix epoch. */
  timestamp?: number;
  /** Degrees. */
  latitude: number;
  /** Degrees. */
  longitude: number;
  /** Meters. */
  accuracy?: number;
  /** Meters. */
  altitude?: number;
  provider?: string;
}

/** Where the user is stationary. */
export interface StationaryInfo {
  location?: Location;
}

/** The trip that the user is on. */
export interface TripInfo {
  type: "TRIP_TYPE_SDK" | "TRIP_TYPE_EXTERNAL" | "TRIP_TYPE_UNRECOGNIZED" | "ANY";
}

/** What the user is doing. */
export interface UserActivity {
  type:
    | "USER_ACTIVITY_TYPE_TRIP"
    | "USER_ACTIVITY_TYPE_STATIONARY"
    | "USER_ACTIVITY_TYPE_UNKNOWN"
    | "USER_ACTIVITY_TYPE_UNRECOGNIZED";
  /** Only for a trip. */
  tripInfo?: TripInfo;
  /** Only for a stationary user. */
  stationaryInfo?: StationaryInfo;
}

/** Text by text: at most 50 entries of at most 500 characters each. */
export interface MetadataObject {
  [key: string]: string;
}

/** What an `add…Listener` function resolves with. */
export interface EmitterSubscription {
  /** Stops the calls to this listener. Calling it again does nothing. */
  remove(): void;
}

/** A text that was kept, now or soon; nothing where there is none. */
export type StoredText = string | null | undefined | Promise<string | null | undefined>;

/**
 * Something that keeps text under a key. AsyncStorage and `localStorage` have the first form, Expo's SecureStore has
 * the second, MMKV the third; each fits as it is.
 */
export type StorageAdapter =
  | {
      getItem(key: string): StoredText;
      setItem(key: string, value: string): unknown;
      removeItem(key: string): unknown;
    }
  | {
      getItemAsync(key: string): StoredText;
      setItemAsync(key: string, value: string): unknown;
      deleteItemAsync(key: string): unknown;
    }
  | {
      getString(key: string): StoredText;
      set(key: string, value: string): unknown;
      delete(key: string): unknown;
    }
  | {
      getString(key: string): StoredText;
      set(key: string, value: string): unknown;
      remove(key: string): unknown;
    };

/** What the app knows better than the SDK can find out. */
export interface DeviceInfoOverrides {
  /** Decides one rule: a tablet does not displace an active phone. */
  class?: "phone" | "tablet" | "desktop";
  os?: string;
  osVersion?: string;
  model?: string;
  /** A BCP 47 language tag. */
  language?: string;
  /** An IANA time zone. */
  timeZone?: string;
  appName?: string;
  appVersion?: string;
}

/** Receives what the SDK has to say to a developer. No message holds a secret or personal data. */
export interface Logger {
  warn(message: string): void;
}

/** What the SDK needs of a `fetch`: the global one fits, and so does anything that does as much. */
export type Fetch = (url: string, options: FetchOptions) => Promise<FetchedResponse>;

/** What the SDK passes to `fetch`. */
export interface FetchOptions {
  method: "GET" | "POST";
  headers: Record<string, string>;
  body?: string;
  credentials: "omit";
  cache: "no-store";
  referrerPolicy: "no-referrer";
  /** A redirect must fail: the body holds a secret that is meant for this host. */
  redirect: "error";
  keepalive?: boolean;
  /** An `AbortSignal`, where the runtime has one. Not every project has that type. */
  signal?: any;
}

/** What the SDK reads of an answer. */
export interface FetchedResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}

/** Options of `initialize`; each has a default that fits. */
export interface InitializeOptions {
  /** The platform's address, for every user that is created without one of its own. */
  platformUrl?: string;
  /** Where the user is kept: in memory only, in a file (Node), or in the app's own storage. */
  storage?: "memory" | { file: string } | StorageAdapter;
  /** Sends the SDK's requests in place of the global `fetch`. */
  fetch?: Fetch;
  deviceInfo?: DeviceInfoOverrides;
  /** Where warnings go, each kind once; the console by default, nowhere for `null`. */
  logger?: Logger | null;
  timeouts?: {
    /** For one request, in milliseconds. */
    requestMs?: number;
    /** For one call of the API with all its requests, in milliseconds. */
    callMs?: number;
  };
  /**
   * The app's word that it has asked the person and may read positions; `false` takes it back. Needed only where the SDK
   * cannot find out: in a React Native app whose geolocation is not `navigator.geolocation` when the app itself uses it.
   * May be said at any time. Where the runtime would still ask the person, it does so when the SDK begins to record.
   */
  locationAllowed?: boolean;
}

/** The `code` of a `SentianceError`: which call failed, or why none could start. */
export type SentianceErrorCode =
  | "E_SDK_NOT_INITIALIZED"
  | "E_SDK_MISSING_PARAMS"
  | "E_SDK_CREATE_USER_ERROR"
  | "E_SDK_GET_TOKEN_ERROR"
  | "E_SDK_RESET_ERROR"
  | "E_SDK_USER_LINK_ERROR"
  | "E_SDK_USER_LINK_AUTH_CODE_ERROR"
  | "E_SDK_ENABLE_DETECTIONS_ERROR"
  | "E_SDK_DISABLE_DETECTIONS_ERROR"
  | "E_SDK_SUBMIT_DETECTIONS_ERROR"
  | "E_SDK_START_TRIP_ERROR"
  | "E_SDK_STOP_TRIP_ERROR"
  | "E_SDK_INITIALIZATION_ERROR"
  | "E_SDK_UNEXPECTED_ERROR";

/** The `reason` of a `SentianceError`, also the first word of its message. */
export type SentianceErrorReason =
  | "SDK_RESET_IN_PROGRESS"
  | "SDK_INIT_IN_PROGRESS"
  | "USER_CREATION_IN_PROGRESS"
  | "USER_ALREADY_EXISTS"
  | "NETWORK_ERROR"
  | "SERVER_ERROR"
  | "UNEXPECTED_ERROR"
  | "NO_USER"
  | "USER_DISABLED_REMOTELY"
  | "EXCEPTION_OR_ERROR"
  | "MISSING_PARAMS"
  | "INVALID_PARAMS"
  | "API_KEY_REFUSED"
  | "APP_SIDE_LINKING_FAILED"
  | "USER_ALREADY_LINKED"
  | "PAST_EXPIRY_DATE"
  | "DETECTIONS_DISABLED"
  | "DETECTIONS_BLOCKED"
  | "TRIP_ALREADY_STARTED"
  | "NO_ONGOING_TRIP"
  | "SDK_NOT_INITIALIZED"
  | "UNSUPPORTED_OS_VERSION"
  | "REINITIALIZATION_NOT_ALLOWED";
