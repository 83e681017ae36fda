// The page in which the measurements in Chromium run; `window.authCode` is the app's backend.

import * as sdk from "@sentiance-react-native/core";
import { compareCreations, compareStatusCalls } from "./comparisons.mjs";

window.measure = async (runs) => {
  const { authCode } = window;
  const write = (text) => localStorage.setItem("answer", text);
  const inLocalStorage = await compareCreations({ sdk, authCode, write, runs });
  await sdk.createUser({ authCode: await authCode("status") });
  return { inLocalStorage, statusCalls: await compareStatusCalls(sdk) };
};
