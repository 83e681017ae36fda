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

window.perform = createAgent({ ...sdk, insistOnUser }, (status) => window.reportStatus(status));
