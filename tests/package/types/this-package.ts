// What only this package declares, and what must not compile.

import SentianceCore, {
  addSdkStatusUpdateListener,
  capabilities,
  createUser,
  isSentianceError,
  isTripOngoing,
  linkUser,
  NO_OP_LINKER,
  SdkInitializationError,
  SentianceError,
  startTrip,
  TransportMode,
  transportModes,
  type Capabilities,
  type CreateUserResult,
  type EmitterSubscription,
  type SdkInitState,
  type SdkStatus,
  type SentianceCore as OriginalFunctions,
  type SentianceCoreModule,
  type UserLinkingResult,
} from "@sentiance-react-native/core";

export async function signIn(code: string): Promise<string> {
  const result: CreateUserResult = await SentianceCore.createUser({ authCode: code });
  const { userId, tokenExpiryEpochTimeMs = 0 } = (await createUser(code)).userInfo;
  return [result.userInfo.userId, userId, tokenExpiryEpochTimeMs.toFixed()].join();
}

export const unlinked: Promise<CreateUserResult> = createUser({
  appId: "a",
  appSecret: "b",
  linker: NO_OP_LINKER,
});
export const byPromise: Promise<UserLinkingResult> = linkUser(async (installId: string) => installId !== "");
export const atOnce: Promise<UserLinkingResult> = linkUser((installId) => installId.length > 0);
export const either: Promise<UserLinkingResult> = linkUser((id) => (id ? true : Promise.resolve(false)));
export const trip: Promise<void> = startTrip({ key: "value" }, TransportMode.CAR);
export const sameTrip: Promise<void> = SentianceCore.startTrip(null, transportModes.TRAIN);
export const anyTrip: Promise<boolean> = isTripOngoing("ANY");
export const name: string | undefined = transportModes[2];
export const hint: TransportMode = TransportMode.BUS;

export async function listen(): Promise<EmitterSubscription> {
  addSdkStatusUpdateListener((status) => status.canDetect).remove();
  return await SentianceCore.addSdkStatusUpdateListener((status: SdkStatus) => {
    const { detectionStatus, isRemoteEnabled, canMonitorGeofences } = status;
    if (detectionStatus === "ENABLED_AND_DETECTING") console.log(isRemoteEnabled, canMonitorGeofences);
  });
}

export async function start(): Promise<string> {
  try {
    await SentianceCore.ensureInitialized();
    await SentianceCore.initialize({ storage: "memory", logger: console, deviceInfo: { class: "tablet" } });
    await SentianceCore.initialize({
      fetch: async (url, { body }) => ({
        status: 200,
        headers: { get: () => null },
        text: async () => url + body,
      }),
    });
    const state: SdkInitState = await SentianceCore.getInitState();
    return state + (await SentianceCore.getUserId());
  } catch (error) {
    if (error instanceof SdkInitializationError) return error.reason;
    if (isSentianceError(error, "E_SDK_CREATE_USER_ERROR") && error.reason === "USER_ALREADY_EXISTS")
      return error.details;
    return error instanceof SentianceError ? error.code : "unknown";
  }
}

export async function whatIsMissing(): Promise<string | undefined> {
  const all: Capabilities = await capabilities();
  const { support, missing } = (await SentianceCore.capabilities()).enableDetections;
  return support === "full" ? all.startTrip.missing : missing;
}

export const made = new SdkInitializationError("UNKNOWN", "It did not start.");
export const api: OriginalFunctions = SentianceCore;
export const everything: SentianceCoreModule = SentianceCore;
export const nothing: void = SentianceCore.userLinkCallback(true);

// @ts-expect-error A linker is a function.
void linkUser("code");
// @ts-expect-error An empty object is not the linker that does not link.
void createUser({ linker: {} });
// @ts-expect-error There is no such mode.
void startTrip(null, TransportMode.ROCKET);
// @ts-expect-error There is no such type of trip.
void isTripOngoing("TRIP_TYPE_SPACE");
// @ts-expect-error There is no such function.
void SentianceCore.destroyUser();
// @ts-expect-error There is no capability of what is not a function.
void capabilities().then(({ NO_OP_LINKER: linker }) => linker);
