// The observer in a page, and in a worker that a page starts.

import * as sdk from "@sentiance-react-native/core";
import { createAgent } from "./agent.mjs";
import { createObserver } from "./observer.mjs";

const inWorker = typeof document === "undefined";
if (inWorker) {
  const perform = createAgent(createObserver(sdk), (status) => postMessage({ status }));
  onmessage = async ({ data: [call, name, args] }) => {
    postMessage({ call, outcome: await perform(name, args) });
  };
} else if (new URLSearchParams(location.search).has("worker")) {
  const worker = new Worker("/app.js", { type: "module" });
  const calls = [];
  worker.onmessage = ({ data: { status, call, outcome } }) =>
    status ? window.reportStatus(status) : calls[call](outcome);
  window.perform = (name, args) =>
    new Promise((resolve) => worker.postMessage([calls.push(resolve) - 1, name, args]));
} else {
  window.perform = createAgent(createObserver(sdk), (status) => window.reportStatus(status));
}
