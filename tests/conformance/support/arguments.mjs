// The arguments of the table: what has to be made anew for each call, such as a code, is described there by an object
// with the key `$`. What cannot cross to another engine stays so described; the app makes it (app/app.mjs).

import { authCode } from "../../e2e/support/backend.mjs";

const HOUR_MS = 3_600_000;

let externalIds = 0;

/** A user of the app whom the platform does not know yet. */
export function newExternalId() {
  return `user ${++externalIds}`;
}

/** Makes the arguments that a row describes, for a device in a situation. */
export function resolve(value, situation) {
  if (Array.isArray(value)) return Promise.all(value.map((item) => resolve(item, situation)));
  if (typeof value !== "object" || value === null) return value;
  return value.$ ? make(value, situation) : resolveEntries(value, situation);
}

async function resolveEntries(object, situation) {
  const entries = Object.entries(object).map(async ([key, item]) => [key, await resolve(item, situation)]);
  return Object.fromEntries(await Promise.all(entries));
}

function make(description, situation) {
  const { platform } = situation;
  switch (description.$) {
    case "code":
      return authCode(platform, newExternalId());
    case "known code":
      return authCode(platform, situation.stage.knownExternalId);
    case "used code":
      return situation.stage.usedCode;
    case "platform url":
      return situation.platformUrl;
    case "app id":
      return platform.appId;
    case "app secret":
      return platform.appSecret;
    case "api key":
      return platform.apiKey;
    case "in an hour":
      return Date.now() + HOUR_MS;
    case "an hour ago":
      return Date.now() - HOUR_MS;
    case "text":
      return "x".repeat(description.length);
    case "entries":
      return entries(description.count);
    case "linker": {
      const { url, apiKey } = platform;
      return { ...description, backend: { url, apiKey, externalId: newExternalId() } };
    }
    default:
      return description;
  }
}

/** Metadata with so many entries. */
export function entries(count) {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`key ${at}`, `value ${at}`]));
}
