// The table of the API, in the react-native entry: the core as JavaScript, in Node.

import { runConformance } from "./support/runner.mjs";

runConformance("JavaScript");
