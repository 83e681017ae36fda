// The app in a page: performs the calls that the test makes through `window.perform`.

import * as sdk from "@sentiance-react-native/core";
import { createAgent } from "./agent.mjs";

/** An impatient app: as long as another tab is creating, it asks again, without a pause. */
async function insistOnUser(authCode) {
  for (;;) {
    try {
      return await sdk.createUser({ authCode });
    } catch (error) {
      if (error.reason !== "USER_CREATION_IN_PROGRESS") throw error;
    }
  }
}

/** An app that listens for a trip that times out: resolves when it hears of one, with what the listener got. */
function hearTripTimeout() {
  return new Promise((resolve, reject) => {
    sdk.addTripTimeoutListener((...args) => resolve(args)).catch(reject);
  });
}

window.perform = createAgent({ ...sdk, insistOnUser, hearTripTimeout }, (status) =>
  window.reportStatus(status),
);

/** For what cannot cross to the test's process, such as a listener that misbehaves. */
window.sdk = sdk;
