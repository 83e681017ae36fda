/**
 * Every member of the package. `SentianceCore` says what each function does; the first words of that stand here too,
 * since an editor shows for a named import only what stands at its export.
 */
import { coreFunction, listenerFunction } from "./functions.js";

export { capabilities } from "./capabilities.js";

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
/** Creates a user on this device, or restores it. */
export const createUser = coreFunction("createUser");
/** Links the unlinked user on this device by a function of the app. */
export const linkUser = coreFunction("linkUser");
/** Links the unlinked user on this device by an authentication code. */
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

/** Turns detections on, until they are disabled or the user is gone. */
export const enableDetections = coreFunction("enableDetections");
/** Turns detections on until a point in time. */
export const enableDetectionsWithExpiryDate = coreFunction("enableDetectionsWithExpiryDate");
/** Turns detections off. */
export const disableDetections = coreFunction("disableDetections");
/** Sends all that was recorded and not sent yet, whatever the quotas say. */
export const submitDetections = coreFunction("submitDetections");

/** What the user is doing. */
export const getUserActivity = coreFunction("getUserActivity");
/** Calls the listener with the present activity, and with the new one after each change. */
export const addSdkUserActivityUpdateListener = listenerFunction("addSdkUserActivityUpdateListener");
/** @deprecated Does nothing: adding a listener is enough. */
export const listenUserActivityUpdates = coreFunction("listenUserActivityUpdates");

/** Starts a trip of the app. */
export const startTrip = coreFunction("startTrip");
/** Ends the trip of the app. */
export const stopTrip = coreFunction("stopTrip");
/** Whether a trip is going on. */
export const isTripOngoing = coreFunction("isTripOngoing");
/** Adds to what is kept with the trip of the app. Resolves with false where none is going on. */
export const addTripMetadata = coreFunction("addTripMetadata");
/** Calls the listener when a trip of the app was ended for having lasted too long. */
export const addTripTimeoutListener = listenerFunction("addTripTimeoutListener");
/** @deprecated Does nothing: adding a listener is enough. */
export const listenTripTimeout = coreFunction("listenTripTimeout");

/** Sets one entry of the user's metadata. */
export const addUserMetadataField = coreFunction("addUserMetadataField");
/** Sets several entries of the user's metadata, or none of them where one is refused. */
export const addUserMetadataFields = coreFunction("addUserMetadataFields");
/** Removes an entry of the user's metadata, here and on the platform. */
export const removeUserMetadataField = coreFunction("removeUserMetadataField");

/** How much may be sent over WiFi in 30 days, in bytes. */
export const getWiFiQuotaLimit = coreFunction("getWiFiQuotaLimit");
/** How much was sent over WiFi, in bytes. */
export const getWiFiQuotaUsage = coreFunction("getWiFiQuotaUsage");
/** How much may be sent over the mobile network in 30 days, in bytes. */
export const getMobileQuotaLimit = coreFunction("getMobileQuotaLimit");
/** How much was sent over the mobile network, in bytes. */
export const getMobileQuotaUsage = coreFunction("getMobileQuotaUsage");
/** How much of what was recorded may wait on this device, in bytes. */
export const getDiskQuotaLimit = coreFunction("getDiskQuotaLimit");
/** How much waits on this device, in bytes. */
export const getDiskQuotaUsage = coreFunction("getDiskQuotaUsage");

/** Says what the SDK may send to the platform. */
export const setTransmittableDataTypes = coreFunction("setTransmittableDataTypes");
/** What the SDK may send to the platform. */
export const getTransmittableDataTypes = coreFunction("getTransmittableDataTypes");
/** Says whether detections may be sent over the mobile network. */
export const setIsAllowedToUseMobileData = coreFunction("setIsAllowedToUseMobileData");
/** Whether detections may be sent over the mobile network. */
export const isAllowedToUseMobileData = coreFunction("isAllowedToUseMobileData");
/** Keeps the app's wish that data is collected while it is in the foreground. */
export const setAppSessionDataCollectionEnabled = coreFunction("setAppSessionDataCollectionEnabled");
/** What `setAppSessionDataCollectionEnabled` was told last. */
export const isAppSessionDataCollectionEnabled = coreFunction("isAppSessionDataCollectionEnabled");
/** Resolves and does nothing: the web has no such thing. */
export const updateSdkNotification = coreFunction("updateSdkNotification");
/** Resolves and does nothing: the web has no such thing. */
export const disableBatteryOptimization = coreFunction("disableBatteryOptimization");

export { transportModes, TransportMode } from "./transport-mode.js";
export { NO_OP_LINKER } from "./no-op-linker.js";
export { SentianceError, SdkInitializationError, isSentianceError } from "./errors.js";
