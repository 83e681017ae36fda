// The app of a Node device, as CommonJS: performs the calls that the test sends.

const sdk = require("@sentiance-react-native/core");

const agent = import("./agent.mjs").then(({ createAgent }) =>
  createAgent(sdk, (status) => process.send({ status })),
);

process.on("message", async ({ call, name, args }) => {
  const perform = await agent;
  process.send({ call, outcome: await perform(name, args) });
});
