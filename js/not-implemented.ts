/** What this version declares but does not do yet. */
import { SentianceError } from "./errors.js";

/** The functions that reject with `E_SDK_NOT_IMPLEMENTED`. */
export const NOT_IMPLEMENTED: readonly string[] = [
  "linkUser",
  "linkUserWithAuthCode",
  "enableDetections",
  "enableDetectionsWithExpiryDate",
  "disableDetections",
  "getUserActivity",
  "addSdkUserActivityUpdateListener",
  "listenUserActivityUpdates",
  "startTrip",
  "stopTrip",
  "isTripOngoing",
  "addTripMetadata",
  "addTripTimeoutListener",
  "listenTripTimeout",
  "submitDetections",
  "addUserMetadataField",
  "addUserMetadataFields",
  "removeUserMetadataField",
  "getWiFiQuotaLimit",
  "getWiFiQuotaUsage",
  "getMobileQuotaLimit",
  "getMobileQuotaUsage",
  "getDiskQuotaLimit",
  "getDiskQuotaUsage",
  "setTransmittableDataTypes",
  "getTransmittableDataTypes",
  "setIsAllowedToUseMobileData",
  "isAllowedToUseMobileData",
  "setAppSessionDataCollectionEnabled",
  "isAppSessionDataCollectionEnabled",
  "updateSdkNotification",
  "disableBatteryOptimization",
];

/** The error of a call to one of them. */
export function notImplemented(name: string): SentianceError {
  return new SentianceError({
    code: "E_SDK_NOT_IMPLEMENTED",
    reason: "NOT_IMPLEMENTED",
    details: `${name} is not part of this version yet.`,
    retryable: false,
  });
}
