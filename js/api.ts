/** Every member of the package. `SentianceCore` says what each function does. */
import { coreFunction, listenerFunction } from "./functions.js";

export const initialize = coreFunction("initialize");
export const ensureInitialized = coreFunction("ensureInitialized");
export const getInitState = coreFunction("getInitState");
export const getVersion = coreFunction("getVersion");

export const userExists = coreFunction("userExists");
export const isUserLinked = coreFunction("isUserLinked");
export const getUserId = coreFunction("getUserId");
export const createUser = coreFunction("createUser");
export const linkUser = coreFunction("linkUser");
export const linkUserWithAuthCode = coreFunction("linkUserWithAuthCode");
export const requestUserAccessToken = coreFunction("requestUserAccessToken");
export const reset = coreFunction("reset");

/** @deprecated Does nothing: what a linker returns is what counts. */
// eslint-disable-next-line @typescript-eslint/no-unused-vars -- the parameter belongs to the signature
export function userLinkCallback(linkResult: boolean): void {}

export const getSdkStatus = coreFunction("getSdkStatus");
export const addSdkStatusUpdateListener = listenerFunction("addSdkStatusUpdateListener");

export const enableDetections = coreFunction("enableDetections");
export const enableDetectionsWithExpiryDate = coreFunction("enableDetectionsWithExpiryDate");
export const disableDetections = coreFunction("disableDetections");
export const submitDetections = coreFunction("submitDetections");

export const getUserActivity = coreFunction("getUserActivity");
export const addSdkUserActivityUpdateListener = listenerFunction("addSdkUserActivityUpdateListener");
export const listenUserActivityUpdates = coreFunction("listenUserActivityUpdates");

export const startTrip = coreFunction("startTrip");
export const stopTrip = coreFunction("stopTrip");
export const isTripOngoing = coreFunction("isTripOngoing");
export const addTripMetadata = coreFunction("addTripMetadata");
export const addTripTimeoutListener = listenerFunction("addTripTimeoutListener");
export const listenTripTimeout = coreFunction("listenTripTimeout");

export const addUserMetadataField = coreFunction("addUserMetadataField");
export const addUserMetadataFields = coreFunction("addUserMetadataFields");
export const removeUserMetadataField = coreFunction("removeUserMetadataField");

export const getWiFiQuotaLimit = coreFunction("getWiFiQuotaLimit");
export const getWiFiQuotaUsage = coreFunction("getWiFiQuotaUsage");
export const getMobileQuotaLimit = coreFunction("getMobileQuotaLimit");
export const getMobileQuotaUsage = coreFunction("getMobileQuotaUsage");
export const getDiskQuotaLimit = coreFunction("getDiskQuotaLimit");
export const getDiskQuotaUsage = coreFunction("getDiskQuotaUsage");

export const setTransmittableDataTypes = coreFunction("setTransmittableDataTypes");
export const getTransmittableDataTypes = coreFunction("getTransmittableDataTypes");
export const setIsAllowedToUseMobileData = coreFunction("setIsAllowedToUseMobileData");
export const isAllowedToUseMobileData = coreFunction("isAllowedToUseMobileData");
export const setAppSessionDataCollectionEnabled = coreFunction("setAppSessionDataCollectionEnabled");
export const isAppSessionDataCollectionEnabled = coreFunction("isAppSessionDataCollectionEnabled");
export const updateSdkNotification = coreFunction("updateSdkNotification");
export const disableBatteryOptimization = coreFunction("disableBatteryOptimization");

export { transportModes, TransportMode } from "./transport-mode.js";
export { NO_OP_LINKER } from "./no-op-linker.js";
export { SentianceError, SdkInitializationError, isSentianceError } from "./errors.js";
