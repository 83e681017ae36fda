// The app's first file in a React Native bundle.

import * as sdk from "@sentiance-react-native/core";
import { createAgent } from "./agent.mjs";
import { createApp } from "./app.mjs";

const { hostStorage, reportStatus } = globalThis;

globalThis.perform = createAgent(createApp(sdk, hostStorage), reportStatus);
