// The app of a Node device, as an ES module: performs the calls that the test sends.

import * as sdk from "@sentiance-react-native/core";
import { createAgent } from "./agent.mjs";

const perform = createAgent(sdk, (status) => process.send({ status }));

process.on("message", async ({ call, name, args }) => {
  process.send({ call, outcome: await perform(name, args) });
});
