/** The interface of the default export: every function of the API. */
import type {
  CreateUserResult,
  DisableDetectionsResult,
  EmitterSubscription,
  EnableDetectionsResult,
  InitializeOptions,
  Linker,
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
import type { TransportMode } from "./transport-mode.js";

/** A subscription to come, which can be removed at once as well as after `await`. */
export type PendingSubscription = Promise<EmitterSubscription> & EmitterSubscription;

/**
 * Every function of the API. None throws: each tells a failure by rejecting, with a `SentianceError` unless its
 * description names another.
 */
export interface SentianceCore {
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
  /** Where the SDK's life cycle stands. */
  getInitState(): Promise<SdkInitState>;
  /** The SDK's version. */
  getVersion(): Promise<string>;

  /** Whether there is a user on this device. */
  userExists(): Promise<boolean>;
  /** Whether there is a user on this device that is linked to an external id. */
  isUserLinked(): Promise<boolean>;
  /** The Sentiance user id; `null` where there is no user, in spite of the type, which is the original's. */
  getUserId(): Promise<string>;
  /** Creates the user of an authentication code on this device, or restores it. */
  createUser(options: UserCreationOptions | string): Promise<CreateUserResult>;
  /** Links the user on this device by a function of the app. */
  linkUser(linker: Linker): Promise<UserLinkingResult>;
  /** Links the user on this device by an authentication code. */
  linkUserWithAuthCode(authCode: string): Promise<UserLinkingResult>;
  /** @deprecated Does nothing: what a linker returns is what counts. */
  userLinkCallback(linkResult: boolean): void;
  /** The user's access token: the stored one while it is good, else a new one. */
  requestUserAccessToken(): Promise<UserAccessToken>;
  /** Removes the user and all its data from this device, not from the platform. */
  reset(): Promise<ResetResult>;

  /** What the SDK can do at this moment. */
  getSdkStatus(): Promise<SdkStatus>;
  /** Calls `listener` with the new status after each change. */
  addSdkStatusUpdateListener(listener: (status: SdkStatus) => void): PendingSubscription;

  enableDetections(): Promise<EnableDetectionsResult>;
  /** @param expiryEpochTimeMs - When detections end, in milliseconds since the Unix epoch; `null`: never. */
  enableDetectionsWithExpiryDate(expiryEpochTimeMs: number | null): Promise<EnableDetectionsResult>;
  disableDetections(): Promise<DisableDetectionsResult>;
  /** Sends what is waiting to be sent. */
  submitDetections(): Promise<void>;

  getUserActivity(): Promise<UserActivity>;
  /** Calls `listener` with the present activity, and with the new one after each change. */
  addSdkUserActivityUpdateListener(listener: (activity: UserActivity) => void): PendingSubscription;
  /** @deprecated Does nothing: adding a listener is enough. */
  listenUserActivityUpdates(): Promise<void>;

  startTrip(metadata: MetadataObject | null, hint: TransportMode): Promise<void>;
  stopTrip(): Promise<void>;
  isTripOngoing(type: TripType): Promise<boolean>;
  /** Resolves with false where no trip of the app is going on. */
  addTripMetadata(metadata: MetadataObject): Promise<boolean>;
  addTripTimeoutListener(listener: () => void): PendingSubscription;
  /** @deprecated Does nothing: adding a listener is enough. */
  listenTripTimeout(): Promise<void>;

  addUserMetadataField(label: string, value: string): Promise<void>;
  addUserMetadataFields(fields: MetadataObject): Promise<void>;
  removeUserMetadataField(label: string): Promise<void>;

  /** Bytes, as decimal digits; so are the next five. */
  getWiFiQuotaLimit(): Promise<string>;
  getWiFiQuotaUsage(): Promise<string>;
  getMobileQuotaLimit(): Promise<string>;
  getMobileQuotaUsage(): Promise<string>;
  getDiskQuotaLimit(): Promise<string>;
  getDiskQuotaUsage(): Promise<string>;

  setTransmittableDataTypes(types: TransmittableDataType[]): Promise<void>;
  getTransmittableDataTypes(): Promise<TransmittableDataType[]>;
  setIsAllowedToUseMobileData(allowed: boolean): Promise<void>;
  isAllowedToUseMobileData(): Promise<boolean>;
  setAppSessionDataCollectionEnabled(enabled: boolean): Promise<void>;
  isAppSessionDataCollectionEnabled(): Promise<boolean>;
  /** Has no effect without native code. */
  updateSdkNotification(title: string, message: string): Promise<void>;
  /** Has no effect without native code. */
  disableBatteryOptimization(): Promise<void>;
}
