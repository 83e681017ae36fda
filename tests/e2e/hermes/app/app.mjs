// The React Native app: keeps the SDK's record in the app's asynchronous storage, and performs the calls that the test
// sends.

import * as sdk from "@sentiance-react-native/core";
import { createAgent } from "./agent.mjs";

const { hostStorage, reportStatus } = globalThis;

const app = {
  ...sdk,
  initialize: (options) => sdk.initialize({ ...options, storage: hostStorage }),
};

globalThis.perform = createAgent(app, reportStatus);
