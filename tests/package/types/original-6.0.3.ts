// An application that was written against the declarations of the original's version 6.0.3: every function and every
// type, each in the ways that those declarations allow.

import SentianceCore, {
  TransportMode,
  type BackgroundRefreshStatus,
  type CreateUserResult,
  type DetectionStatus,
  type DisableDetectionsResult,
  type EnableDetectionsResult,
  type Location,
  type LocationPermission,
  type MetadataObject,
  type ResetResult,
  type SdkInitState,
  type SdkStatus,
  type SentianceCore as NamedInterface,
  type StationaryInfo,
  type TripInfo,
  type TripType,
  type UserAccessToken,
  type UserActivity,
  type UserCreationOptions,
  type UserInfo,
  type UserLinkingResult,
} from "@sentiance-react-native/core";

/** What an app's own cache of the user looks like. */
interface Account {
  user: UserInfo | null;
  state: SdkInitState;
}

// All credentials were required; the linker answers at once.
export const credentials: UserCreationOptions = {
  appId: "app",
  appSecret: "secret",
  authCode: "",
  platformUrl: "https://api.sentiance.com",
  linker: (installId: string) => installId !== "",
};

export async function signUp(account: Account): Promise<Account> {
  if (await SentianceCore.userExists()) return account;
  const created: CreateUserResult = await SentianceCore.createUser(credentials);
  const { userId, tokenId, tokenExpiryDate, isTokenExpired } = created.userInfo;
  const user: UserInfo = { userId, tokenId, tokenExpiryDate, isTokenExpired };
  return { user: isTokenExpired ? null : user, state: await SentianceCore.getInitState() };
}

export async function linkEveryWay(code: string): Promise<string[]> {
  const byApp: UserLinkingResult = await SentianceCore.linkUser((installId) => String(installId).length > 0);
  const byCode: UserLinkingResult = await SentianceCore.linkUserWithAuthCode(code);
  SentianceCore.userLinkCallback(true);
  const linked: boolean = await SentianceCore.isUserLinked();
  const id: string = await SentianceCore.getUserId();
  const token: UserAccessToken = await SentianceCore.requestUserAccessToken();
  const expiry: string | undefined = token.expiryDate;
  return [byApp.userInfo.userId, byCode.userInfo.tokenId, String(linked), id, token.tokenId, expiry ?? ""];
}

export async function signOut(): Promise<string> {
  const result: ResetResult = await SentianceCore.reset();
  const version: string = await SentianceCore.getVersion();
  return `${result.initState} ${version}`;
}

export async function detect(core: typeof SentianceCore, until: number | null): Promise<DetectionStatus[]> {
  const enabled: EnableDetectionsResult = await core.enableDetections();
  const limited: EnableDetectionsResult = await core.enableDetectionsWithExpiryDate(until);
  const disabled: DisableDetectionsResult = await core.disableDetections();
  await core.submitDetections();
  const status: SdkStatus = disabled.sdkStatus;
  return [enabled.detectionStatus, limited.detectionStatus, status.detectionStatus];
}

export function describeStatus(status: SdkStatus): string {
  const permission: LocationPermission = status.locationPermission;
  const background: BackgroundRefreshStatus = status.backgroundRefreshStatus;
  const facts: boolean[] = [
    status.canDetect,
    status.isRemoteEnabled,
    status.isAccelPresent,
    status.isGyroPresent,
    status.isGpsPresent,
    status.userExists,
    status.isPreciseLocationAuthorizationGranted,
  ];
  const perhaps: (boolean | undefined)[] = [
    status.isBgAccessPermGranted,
    status.isActivityRecognitionPermGranted,
    status.isAirplaneModeEnabled,
    status.isLocationAvailable,
    status.isGooglePlayServicesMissing,
    status.isBatteryOptimizationEnabled,
    status.isBatterySavingEnabled,
    status.isBackgroundProcessingRestricted,
    status.isSchedulingExactAlarmsPermitted,
  ];
  const words: string[] = [
    status.startStatus,
    status.wifiQuotaStatus,
    status.mobileQuotaStatus,
    status.diskQuotaStatus,
    status.locationSetting ?? "unknown",
  ];
  return [
    detectionWord(status.detectionStatus),
    permission,
    background,
    ...facts,
    ...perhaps,
    ...words,
  ].join();
}

// An exhaustive switch: another member of the union would not compile.
function detectionWord(status: DetectionStatus): string {
  switch (status) {
    case "DISABLED":
      return "off";
    case "EXPIRED":
      return "over";
    case "ENABLED_BUT_BLOCKED":
      return "blocked";
    case "ENABLED_AND_DETECTING":
      return "on";
    default: {
      const never: never = status;
      return never;
    }
  }
}

export const permissions: Record<LocationPermission, number> = { ALWAYS: 2, ONLY_WHILE_IN_USE: 1, NEVER: 0 };
export const backgrounds: Record<BackgroundRefreshStatus, string> = {
  AVAILABLE: "a",
  DENIED: "d",
  RESTRICTED: "r",
};
export const states: Record<SdkInitState, boolean> = {
  NOT_INITIALIZED: false,
  INIT_IN_PROGRESS: false,
  INITIALIZED: true,
  RESETTING: false,
  UNRECOGNIZED_STATE: false,
};

export async function travel(): Promise<boolean[]> {
  const metadata: MetadataObject = { vehicle: "van" };
  const mode: TransportMode = TransportMode.CAR;
  await SentianceCore.startTrip(metadata, mode);
  await SentianceCore.startTrip(null, TransportMode.RUNNING);
  const type: TripType = "TRIP_TYPE_EXTERNAL";
  const ongoing: boolean[] = [
    await SentianceCore.isTripOngoing(type),
    await SentianceCore.isTripOngoing("TRIP_TYPE_SDK"),
    await SentianceCore.addTripMetadata({ ...metadata, [TransportMode[mode] ?? "mode"]: "yes" }),
  ];
  const stopped: void = await SentianceCore.stopTrip();
  return [...ongoing, stopped === undefined];
}

export const legs: Record<TripType, string> = { TRIP_TYPE_SDK: "detected", TRIP_TYPE_EXTERNAL: "started" };
export const allModes: TransportMode[] = [
  TransportMode.UNKNOWN,
  TransportMode.CAR,
  TransportMode.BICYCLE,
  TransportMode.ON_FOOT,
  TransportMode.TRAIN,
  TransportMode.TRAM,
  TransportMode.BUS,
  TransportMode.PLANE,
  TransportMode.BOAT,
  TransportMode.METRO,
  TransportMode.RUNNING,
];

export function describeActivity(activity: UserActivity): string {
  switch (activity.type) {
    case "USER_ACTIVITY_TYPE_TRIP":
      return describeTrip(activity.tripInfo);
    case "USER_ACTIVITY_TYPE_STATIONARY":
      return describePlace(activity.stationaryInfo);
    case "USER_ACTIVITY_TYPE_UNKNOWN":
    case "USER_ACTIVITY_TYPE_UNRECOGNIZED":
      return "?";
  }
}

function describeTrip(trip?: TripInfo): string {
  const types: Record<TripInfo["type"], string> = {
    TRIP_TYPE_SDK: "detected",
    TRIP_TYPE_EXTERNAL: "started",
    TRIP_TYPE_UNRECOGNIZED: "?",
    ANY: "any",
  };
  return trip ? types[trip.type] : "none";
}

// Texts in 6.0.3, numbers since 6.2.1: an app that only prints or converts them compiles with both.
function describePlace(stationary?: StationaryInfo): string {
  const location: Location | undefined = stationary?.location;
  if (!location) return "somewhere";
  const { latitude, longitude, accuracy, altitude, provider } = location;
  const source: string | undefined = provider;
  return `${Number(latitude)}, ${Number(longitude)} (${accuracy ?? "-"}, ${altitude ?? "-"}, ${source ?? "-"})`;
}

export async function listen(): Promise<() => void> {
  const onStatus = (status: SdkStatus): void => void describeStatus(status);
  const subscriptions = [
    await SentianceCore.addSdkStatusUpdateListener(onStatus),
    await SentianceCore.addSdkUserActivityUpdateListener((activity) => describeActivity(activity)),
    await SentianceCore.addTripTimeoutListener(() => undefined),
  ];
  await SentianceCore.listenUserActivityUpdates();
  await SentianceCore.listenTripTimeout();
  const activity: UserActivity = await SentianceCore.getUserActivity();
  describeActivity(activity);
  return () => subscriptions.forEach((subscription) => subscription.remove());
}

export async function tellAboutUser(fields: MetadataObject): Promise<void> {
  await SentianceCore.addUserMetadataField("tier", "gold");
  await SentianceCore.addUserMetadataFields(fields);
  await SentianceCore.removeUserMetadataField("tier");
}

export async function quotas(): Promise<string[]> {
  return Promise.all([
    SentianceCore.getWiFiQuotaLimit(),
    SentianceCore.getWiFiQuotaUsage(),
    SentianceCore.getMobileQuotaLimit(),
    SentianceCore.getMobileQuotaUsage(),
    SentianceCore.getDiskQuotaLimit(),
    SentianceCore.getDiskQuotaUsage(),
  ]);
}

export async function settings(): Promise<boolean> {
  await SentianceCore.setAppSessionDataCollectionEnabled(true);
  await SentianceCore.updateSdkNotification("title", "message");
  await SentianceCore.disableBatteryOptimization();
  const status: SdkStatus = await SentianceCore.getSdkStatus();
  return status.canDetect && (await SentianceCore.isAppSessionDataCollectionEnabled());
}

// What apps derive from the interface.
export type Options = Parameters<typeof SentianceCore.createUser>[0];
export const givenOptions: Options = credentials;
export const code: string | undefined = givenOptions.authCode;
export type Created = Awaited<ReturnType<NamedInterface["createUser"]>>;
export const isNew = (created: Created): boolean => !created.userInfo.isTokenExpired;
export const some: Pick<NamedInterface, "userExists" | "getSdkStatus"> = SentianceCore;
export const partOfAFake: Partial<NamedInterface> = {
  userExists: () => Promise.resolve(true),
  linkUser: (linker) => Promise.resolve(linker("id") ? signedUp : signedUp),
  addSdkStatusUpdateListener: (listener) =>
    listen().then((remove) => (void listener, { ...noSubscription, remove })),
};
declare const signedUp: UserLinkingResult;
declare const noSubscription: Awaited<ReturnType<NamedInterface["addTripTimeoutListener"]>>;
