// An application that was written against the declarations of the original's version 6.16: what they added to those of
// 6.0.3, and a stand-in for the whole interface, as an app's unit tests have it.

import SentianceCore, {
  TransportMode,
  type CreateUserResult,
  type DetectionStatus,
  type Linker,
  type Location,
  type MetadataObject,
  type SdkStatus,
  type SentianceCore as NamedInterface,
  type TransmittableDataType,
  type TripType,
  type UserActivity,
  type UserCreationOptions,
  type UserInfo,
} from "@sentiance-react-native/core";

// Every credential is optional, and a linker is asynchronous.
export const byCode: UserCreationOptions = { authCode: "code" };
export const byCodeElsewhere: UserCreationOptions = {
  authCode: "code",
  platformUrl: "https://api.sentiance.com",
};
export const linker: Linker = async (installId) => installId.startsWith("0");
export const answer: Promise<boolean> = linker("0123");
export const byLinker: UserCreationOptions = { appId: "app", appSecret: "secret", linker };
export const none: UserCreationOptions = {};
export const ownUrl: string | undefined = byCode.platformUrl;

export async function signUp(code: string, platformUrl?: string): Promise<string> {
  const options: UserCreationOptions = platformUrl ? { authCode: code, platformUrl } : { authCode: code };
  const result: CreateUserResult = await SentianceCore.createUser(options);
  await SentianceCore.createUser({ appId: "app", appSecret: "secret", linker: async () => true });
  await SentianceCore.linkUser(() => true);
  return result.userInfo.userId;
}

export async function limitTransmission(): Promise<TransmittableDataType[]> {
  const wanted: TransmittableDataType[] = ["SDK_INFO", "VEHICLE_CRASH_INFO", "GENERAL_DETECTIONS"];
  const done: void = await SentianceCore.setTransmittableDataTypes(wanted);
  const types = await SentianceCore.getTransmittableDataTypes();
  return done === undefined && types.includes("ALL") ? wanted : types;
}

export const explained: Record<TransmittableDataType, string> = {
  ALL: "everything",
  SDK_INFO: "the SDK and the device",
  VEHICLE_CRASH_INFO: "crashes",
  GENERAL_DETECTIONS: "trips and stays",
};

export async function mobileData(allowed: boolean): Promise<boolean> {
  await SentianceCore.setIsAllowedToUseMobileData(allowed);
  return SentianceCore.isAllowedToUseMobileData();
}

export function distance(from: Location, to: Location): number {
  const since: number = (to.timestamp ?? 0) - (from.timestamp ?? 0);
  const margin: number = (from.accuracy ?? 0) + (to.altitude ?? 0) - since;
  return Math.hypot(from.latitude - to.latitude, from.longitude - to.longitude) + margin;
}

export const place: Location = {
  latitude: 51.05,
  longitude: 3.72,
  accuracy: 5,
  altitude: 12,
  provider: "gps",
};
export const standing: UserActivity = {
  type: "USER_ACTIVITY_TYPE_STATIONARY",
  stationaryInfo: { location: place },
};
export const moving: UserActivity = {
  type: "USER_ACTIVITY_TYPE_TRIP",
  tripInfo: { type: "TRIP_TYPE_EXTERNAL" },
};

export const user: UserInfo = { userId: "id", tokenId: "token", tokenExpiryDate: "", isTokenExpired: false };
export const status: SdkStatus = {
  startStatus: "STARTED",
  detectionStatus: "ENABLED_AND_DETECTING",
  canDetect: true,
  isRemoteEnabled: true,
  isAccelPresent: true,
  isGyroPresent: true,
  isGpsPresent: true,
  wifiQuotaStatus: "OK",
  mobileQuotaStatus: "OK",
  diskQuotaStatus: "OK",
  locationPermission: "ALWAYS",
  userExists: true,
  isPreciseLocationAuthorizationGranted: true,
  backgroundRefreshStatus: "AVAILABLE",
  canMonitorGeofences: true,
};
export const watched: DetectionStatus = status.detectionStatus;
export const fences: boolean = status.canMonitorGeofences;

const subscription = SentianceCore.addTripTimeoutListener(() => undefined);
const detections = { sdkStatus: status, detectionStatus: watched };

/** A stand-in that has every function of the interface, and only those. */
export const standIn: NamedInterface = {
  userLinkCallback: (linkResult: boolean) => void linkResult,
  userExists: async () => true,
  enableDetections: async () => detections,
  enableDetectionsWithExpiryDate: async (expiryEpochTimeMs: number | null) => (
    void expiryEpochTimeMs,
    detections
  ),
  disableDetections: async () => detections,
  reset: async () => ({ initState: "INITIALIZED" }),
  isUserLinked: async () => true,
  getVersion: async () => "6.16.0",
  getUserId: async () => user.userId,
  requestUserAccessToken: async () => ({ tokenId: "token" }),
  addUserMetadataField: async (label: string, value: string) => void [label, value],
  addUserMetadataFields: async (label: MetadataObject) => void label,
  removeUserMetadataField: async (label: string) => void label,
  getUserActivity: async () => standing,
  listenUserActivityUpdates: async () => undefined,
  listenTripTimeout: async () => undefined,
  startTrip: async (metadata: MetadataObject | null, hint: TransportMode) => void [metadata, hint],
  stopTrip: async () => undefined,
  isTripOngoing: async (type: TripType) => type === "TRIP_TYPE_EXTERNAL",
  submitDetections: async () => undefined,
  updateSdkNotification: async (title: string, message: string) => void [title, message],
  addTripMetadata: async (metadata: MetadataObject) => "key" in metadata,
  setAppSessionDataCollectionEnabled: async (enabled: boolean) => void enabled,
  isAppSessionDataCollectionEnabled: async () => false,
  getInitState: async () => "INITIALIZED",
  getSdkStatus: async () => status,
  getWiFiQuotaLimit: async () => "0",
  getWiFiQuotaUsage: async () => "0",
  getMobileQuotaLimit: async () => "0",
  getMobileQuotaUsage: async () => "0",
  getDiskQuotaLimit: async () => "0",
  getDiskQuotaUsage: async () => "0",
  disableBatteryOptimization: async () => undefined,
  createUser: async (options: UserCreationOptions) => (void options.authCode, { userInfo: user }),
  linkUser: async (byApp: (installId: string) => boolean) => (void byApp, { userInfo: user }),
  linkUserWithAuthCode: async (authCode: string) => (void authCode, { userInfo: user }),
  addSdkStatusUpdateListener: async (listener: (sdkStatus: SdkStatus) => void) => (
    listener(status),
    subscription
  ),
  addTripTimeoutListener: async (listener: () => void) => (listener(), subscription),
  addSdkUserActivityUpdateListener: (listener: (userActivity: UserActivity) => void) => (
    listener(moving),
    subscription
  ),
  setTransmittableDataTypes: async (types: TransmittableDataType[]) => void types,
  getTransmittableDataTypes: async () => ["ALL"],
  setIsAllowedToUseMobileData: async (isAllowed: boolean) => void isAllowed,
  isAllowedToUseMobileData: async () => true,
};

/** As a table of an app's test doubles. */
export const calls: Record<keyof NamedInterface, number> = Object.assign(
  {} as Record<keyof NamedInterface, number>,
);
export const core: NamedInterface = SentianceCore;
