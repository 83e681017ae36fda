// The app in a page: performs the calls that the test makes through `window.perform`.

import * as sdk from "@sentiance-react-native/core";
import { createAgent } from "./agent.mjs";

window.perform = createAgent(sdk, (status) => window.reportStatus(status));
