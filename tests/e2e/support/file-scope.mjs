// The scope of a whole test file: for what its `before` hook starts. (A hook's own `after` would run when the hook is
// done, before the first test.)

import { after } from "node:test";
import { Scope } from "./scope.mjs";

export const fileScope = new Scope();

after(() => fileScope.close());
