// The React Native app of app.mjs, as CommonJS.

const sdk = require("@sentiance-react-native/core");
const { createAgent } = require("./agent.mjs");

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
