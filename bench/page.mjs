// The page in which the measurements in Chromium run; `window.authCode` is the app's backend.

import * as sdk from "@sentiance-react-native/core";
import { compareCreations, compareStatusCalls } from "./comparisons.mjs";

window.measure = async ({ slowUrl, runs }) => {
  const { authCode } = window;
  const write = (text) => localStorage.setItem("answer", text);
  // Where the page says that the platform is.
  const inLocalStorage = await compareCreations({ sdk, authCode, write, runs });
  await sdk.createUser({ authCode: await authCode("status") });
  const statusCalls = await compareStatusCalls(sdk);
  await sdk.reset();
  await sdk.initialize({ platformUrl: slowUrl });
  const slowly = await compareCreations({ sdk, authCode, write, runs });
  return { inLocalStorage, slowly, statusCalls };
};
