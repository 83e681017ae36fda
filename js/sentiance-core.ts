/** The functions of the API: the original's as its own declarations have them, and all of this package. */
import type {
  AnyLinker,
  CreateUserResult,
  DisableDetectionsResult,
  EmitterSubscription,
  EnableDetectionsResult,
  InitializeOptions,
  MetadataObject,
  ResetResult,
  SdkInitState,
  SdkStatus,
  TransmittableDataType,
  TripType,
  UserAccessToken,
  UserActivity,
  UserCreationOptions,
  UserLinkingResult,
} from "../src/types.js";
import type { Capabilities } from "./capabilities.js";
import type { TransportMode } from "./transport-mode.js";

/** A subscription to come, which can be removed at once as well as after `await`. */
export type PendingSubscription = Promise<EmitterSubscription> & EmitterSubscription;

/**
 * The functions of the original, version 6.16, and no others: so an app's own stand-in for them has this type, too.
 *
 * None throws: each tells a failure by rejecting, with a `SentianceError` unless its description names another. All
 * but `userExists`, `isUserLinked`, `getInitState`, `getVersion`, `reset` and `userLinkCallback` reject with
 * `E_SDK_NOT_INITIALIZED` while a reset runs.
 */
export interface SentianceCore {
  /** Where the SDK's life cycle stands. */
  getInitState(): Promise<SdkInitState>;
  /** The version of this package; on the web there is no native SDK that could have another. */
  getVersion(): Promise<string>;

  /** Whether there is a user on this device. */
  userExists(): Promise<boolean>;
  /** Whether there is a user on this device that is linked to an external id. */
  isUserLinked(): Promise<boolean>;
  /** The Sentiance user id; `null` where there is no user, in spite of the type, which is the original's. */
  getUserId(): Promise<string>;
  /**
   * Creates a user on this device: with an authentication code, with the application's credentials and a linker, or
   * with these and `NO_OP_LINKER` one that stays unlinked. A code of a known external id restores its user; where a
   * code is given, the other credentials are not looked at. A linker that throws, returns anything but `true` or is
   * not done in time leaves no user behind.
   */
  createUser(options: UserCreationOptions): Promise<CreateUserResult>;
  /** Links the unlinked user on this device by a function of the app, which may be asynchronous. */
  linkUser(linker: AnyLinker): Promise<UserLinkingResult>;
  /** Links the unlinked user on this device by an authentication code, whose external id must be new to the platform. */
  linkUserWithAuthCode(authCode: string): Promise<UserLinkingResult>;
  /** @deprecated Does nothing: what a linker returns is what counts. */
  userLinkCallback(linkResult: boolean): void;
  /** The user's access token: the stored one while it is good, else a new one. */
  requestUserAccessToken(): Promise<UserAccessToken>;
  /**
   * Removes the user, all its data and all settings from this device, not from the platform. Detections that were not
   * sent yet are lost: call `submitDetections` before, to keep them.
   */
  reset(): Promise<ResetResult>;

  /**
   * What the SDK can do at this moment. Permissions and sensors are what the runtime says of them; what the web cannot
   * know (battery, airplane mode, work in the background) has a fixed value or is left out.
   */
  getSdkStatus(): Promise<SdkStatus>;
  /** Calls the listener with the new status after each change of a field. */
  addSdkStatusUpdateListener(
    onSdkStatusUpdated: (sdkStatus: SdkStatus) => void,
  ): Promise<EmitterSubscription>;

  /**
   * Turns detections on, until they are disabled or the user is gone. While a page of the app is open and the user has
   * permitted it, positions and motion are recorded; in the background the web records nothing. The SDK itself asks
   * for no permission: look at `detectionStatus`.
   */
  enableDetections(): Promise<EnableDetectionsResult>;
  /**
   * The same until a point in time.
   *
   * @param expiryEpochTimeMs - In milliseconds since the Unix epoch; `null`: never.
   */
  enableDetectionsWithExpiryDate(expiryEpochTimeMs: number | null): Promise<EnableDetectionsResult>;
  /** Turns detections off. */
  disableDetections(): Promise<DisableDetectionsResult>;
  /** Sends all that was recorded and not sent yet, whatever the quotas say. */
  submitDetections(): Promise<void>;

  /**
   * What the user is doing. The web knows a trip that the app has started and, while detections run, that the user
   * stands still; all else is unknown.
   */
  getUserActivity(): Promise<UserActivity>;
  /** Calls the listener with the present activity, and with the new one after each change. */
  addSdkUserActivityUpdateListener(
    onUserActivityUpdated: (userActivity: UserActivity) => void,
  ): Promise<EmitterSubscription>;
  /** @deprecated Does nothing: adding a listener is enough. */
  listenUserActivityUpdates(): Promise<void>;

  /**
   * Starts a trip of the app. It survives reloads; positions are recorded only while a page of the app is open.
   *
   * @param metadata - What the app wants to be kept with the trip: at most 50 entries of at most 500 characters, and
   *   50,000 bytes.
   * @param hint - How the user moves.
   */
  startTrip(metadata: MetadataObject | null, hint: TransportMode): Promise<void>;
  /** Ends the trip of the app. */
  stopTrip(): Promise<void>;
  /** Whether a trip is going on. On the web only the app starts trips: there is none of type `TRIP_TYPE_SDK`. */
  isTripOngoing(type: TripType): Promise<boolean>;
  /**
   * Adds to what is kept with the trip of the app. Resolves with false where none is going on.
   *
   * @param metadata - At most 50,000 bytes at a time; in all calls of one trip at most 50 entries, where one that is
   *   overwritten counts again.
   */
  addTripMetadata(metadata: MetadataObject): Promise<boolean>;
  /**
   * Calls the listener when a trip of the app was ended for having lasted too long (2 hours, unless the platform says
   * otherwise): at that moment, or at the next start where no page is open then.
   */
  addTripTimeoutListener(onTripTimedOut: () => void): Promise<EmitterSubscription>;
  /** @deprecated Does nothing: adding a listener is enough. */
  listenTripTimeout(): Promise<void>;

  /** Sets one entry of the user's metadata: at most 50 entries, at most 500 characters each. Resolves when it is kept. */
  addUserMetadataField(label: string, value: string): Promise<void>;
  /** Sets several entries of the user's metadata, or none of them where one is refused. */
  addUserMetadataFields(label: MetadataObject): Promise<void>;
  /** Removes an entry of the user's metadata, here and on the platform. */
  removeUserMetadataField(label: string): Promise<void>;

  /** How much may be sent over WiFi in 30 days. In bytes, as decimal digits, as are the next five. */
  getWiFiQuotaLimit(): Promise<string>;
  /** How much was sent over WiFi; and all that was sent where the runtime does not tell mobile data from WiFi. */
  getWiFiQuotaUsage(): Promise<string>;
  /** How much may be sent over the mobile network in 30 days. */
  getMobileQuotaLimit(): Promise<string>;
  /** How much was sent over the mobile network, where the runtime tells it from WiFi. */
  getMobileQuotaUsage(): Promise<string>;
  /** How much of what was recorded may wait on this device. */
  getDiskQuotaLimit(): Promise<string>;
  /** How much waits on this device. */
  getDiskQuotaUsage(): Promise<string>;

  /** Says what the SDK may send to the platform; nothing for an empty list. */
  setTransmittableDataTypes(types: TransmittableDataType[]): Promise<void>;
  /** What the SDK may send to the platform; `["ALL"]` at first. */
  getTransmittableDataTypes(): Promise<TransmittableDataType[]>;
  /** Says whether detections may be sent over the mobile network, where the runtime tells it from WiFi. */
  setIsAllowedToUseMobileData(isAllowed: boolean): Promise<void>;
  /** Whether detections may be sent over the mobile network; true at first. */
  isAllowedToUseMobileData(): Promise<boolean>;
  /** Keeps the app's wish that data is collected while it is in the foreground. */
  setAppSessionDataCollectionEnabled(enabled: boolean): Promise<void>;
  /** What was said last; false at first. */
  isAppSessionDataCollectionEnabled(): Promise<boolean>;
  /** Resolves and does nothing: the web has no such thing as the notification of a service. */
  updateSdkNotification(title: string, message: string): Promise<void>;
  /** Resolves and does nothing: the web has no such thing as battery optimization for one app. */
  disableBatteryOptimization(): Promise<void>;
}

/** Every function of this package: the original's, in part with wider types, and the additions. */
export interface SentianceCoreFunctions extends SentianceCore {
  /**
   * Sets the SDK's options and initializes it. Not needed where the defaults fit: the first call that needs it
   * initializes the SDK by itself.
   *
   * @throws {SdkInitializationError}
   */
  initialize(options?: InitializeOptions): Promise<void>;
  /**
   * Initializes the SDK if that was not done yet. Calling it again after a failure tries again.
   *
   * @throws {SdkInitializationError}
   */
  ensureInitialized(): Promise<void>;
  /** For each function whether this runtime does it fully, partly (and what is missing) or not at all. */
  capabilities(): Promise<Capabilities>;

  /** Creates the user of an authentication code on this device, or restores it. */
  createUser(authCode: string): Promise<CreateUserResult>;
  /**
   * Creates a user on this device: with an authentication code, with the application's credentials and a linker, or
   * with these and `NO_OP_LINKER` one that stays unlinked.
   */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- `Parameters<…>` takes the last, the original's
  createUser(options: UserCreationOptions): Promise<CreateUserResult>;

  /** Whether a trip is going on. Also knows the older names of the types, and `ANY`. */
  isTripOngoing(type: TripType | "ANY" | "sdk" | "external"): Promise<boolean>;

  /** Calls the listener with the new status after each change of a field. */
  addSdkStatusUpdateListener(onSdkStatusUpdated: (sdkStatus: SdkStatus) => void): PendingSubscription;
  /** Calls the listener with the present activity, and with the new one after each change. */
  addSdkUserActivityUpdateListener(
    onUserActivityUpdated: (userActivity: UserActivity) => void,
  ): PendingSubscription;
  /** Calls the listener when a trip of the app was ended for having lasted too long. */
  addTripTimeoutListener(onTripTimedOut: () => void): PendingSubscription;
}
