/** Makes the functions of the API: each hands its arguments to the core's function of the same name. */
import { call, listen } from "./core.js";
import type { PendingSubscription, SentianceCoreFunctions } from "./sentiance-core.js";

type Name = keyof SentianceCoreFunctions;

/** The function called `name`. It never throws: whatever goes wrong is a rejection. */
export function coreFunction<N extends Name>(name: N): SentianceCoreFunctions[N] {
  const callCore = (...args: unknown[]) => call(name, args);
  return callCore as SentianceCoreFunctions[N];
}

/** The function called `name`, which adds a listener. */
export function listenerFunction<N extends Name>(name: N): SentianceCoreFunctions[N] {
  const add = (callback: unknown): PendingSubscription => {
    const added = listen(name, callback);
    // Older applications do not await: they call `remove` on what the function returns.
    return Object.assign(added, {
      remove() {
        added.then(
          (subscription) => subscription.remove(),
          () => undefined,
        );
      },
    });
  };
  return add as SentianceCoreFunctions[N];
}
