// The React Native app: keeps the SDK's record in the app's asynchronous storage, and performs the calls that the test
// sends.

import * as sdk from "@sentiance-react-native/core";
import { createAgent } from "./agent.mjs";

const { hostStorage, reportStatus } = globalThis;

const app = {
  ...sdk,
  initialize: (options) => sdk.initialize({ ...options, storage: hostStorage }),
  /** Asks for the position itself, and tells the latitude. */
  locate: () =>
    new Promise((resolve, reject) => {
      navigator.geolocation.getCurrentPosition(({ coords }) => resolve(coords.latitude), reject);
    }),
};

globalThis.perform = createAgent(app, reportStatus);
