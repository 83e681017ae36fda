// The observer in a React Native app.

import * as sdk from "@sentiance-react-native/core";
import { createAgent } from "./agent.mjs";
import { createObserver } from "./observer.mjs";

globalThis.perform = createAgent(createObserver(sdk), globalThis.reportStatus);
