/**
 * Every member of the package. `SentianceCore` says what each function does; the first words of that stand here too,
 * since an editor shows for a named import only what stands at its export.
 */
import { coreFunction, listenerFunction } from "./functions.js";

/** Sets the SDK's options and initializes it. Not needed where the defaults fit. */
export const initialize = coreFunction("initialize");
/** Initializes the SDK if that was not done yet. Calling it again after a failure tries again. */
export const ensureInitialized = coreFunction("ensureInitialized");
/** Where the SDK's life cycle stands. */
export const getInitState = coreFunction("getInitState");
/** The SDK's version. */
export const getVersion = coreFunction("getVersion");

/** Whether there is a user on this device. */
export const userExists = coreFunction("userExists");
/** Whether there is a user on this device that is linked to an external id. */
export const isUserLinked = coreFunction("isUserLinked");
/** The Sentiance user id, or `null`. */
export const getUserId = coreFunction("getUserId");
/** Creates the user of an authentication code on this device, or restores it. */
export const createUser = coreFunction("createUser");
export const linkUser = coreFunction("linkUser");
export const linkUserWithAuthCode = coreFunction("linkUserWithAuthCode");
/** The user's access token: the stored one while it is good, else a new one. */
export const requestUserAccessToken = coreFunction("requestUserAccessToken");
/** Removes the user and all its data from this device, not from the platform. */
export const reset = coreFunction("reset");

/** @deprecated Does nothing: what a linker returns is what counts. */
// eslint-disable-next-line @typescript-eslint/no-unused-vars -- the parameter belongs to the signature
export function userLinkCallback(linkResult: boolean): void {}

/** What the SDK can do at this moment. */
export const getSdkStatus = coreFunction("getSdkStatus");
/** Calls the listener with the new status after each change. */
export const addSdkStatusUpdateListener = listenerFunction("addSdkStatusUpdateListener");

export const enableDetections = coreFunction("enableDetections");
export const enableDetectionsWithExpiryDate = coreFunction("enableDetectionsWithExpiryDate");
export const disableDetections = coreFunction("disableDetections");
export const submitDetections = coreFunction("submitDetections");

export const getUserActivity = coreFunction("getUserActivity");
export const addSdkUserActivityUpdateListener = listenerFunction("addSdkUserActivityUpdateListener");
/** @deprecated Does nothing: adding a listener is enough. */
export const listenUserActivityUpdates = coreFunction("listenUserActivityUpdates");

export const startTrip = coreFunction("startTrip");
export const stopTrip = coreFunction("stopTrip");
export const isTripOngoing = coreFunction("isTripOngoing");
export const addTripMetadata = coreFunction("addTripMetadata");
export const addTripTimeoutListener = listenerFunction("addTripTimeoutListener");
/** @deprecated Does nothing: adding a listener is enough. */
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
