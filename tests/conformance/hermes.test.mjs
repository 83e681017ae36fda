// The table of the API, in the engine of React Native: the react-native entry, bundled by Metro, in Hermes.

import { runConformance } from "./support/runner.mjs";

runConformance("Hermes");
