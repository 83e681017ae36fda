// The table of the API, in the default entry: the core as WebAssembly, in Node.

import { runConformance } from "./support/runner.mjs";

runConformance("WebAssembly");
