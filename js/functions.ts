/** Makes the functions of the API: each hands its arguments to the core's function of the same name. */
import { call, listen } from "./core.js";
import { NOT_IMPLEMENTED, notImplemented } from "./not-implemented.js";
import type { PendingSubscription, SentianceCore } from "./sentiance-core.js";

type Name = keyof SentianceCore;

/** The function called `name`. It never throws: whatever goes wrong is a rejection. */
export function coreFunction<N extends Name>(name: N): SentianceCore[N] {
  const callCore = async (...args: unknown[]) => {
    if (NOT_IMPLEMENTED.includes(name)) throw notImplemented(name);
    return call(name, args);
  };
  return callCore as SentianceCore[N];
}

/** The function called `name`, which adds a listener. */
export function listenerFunction<N extends Name>(name: N): SentianceCore[N] {
  const add = (callback: unknown): PendingSubscription => {
    const added = NOT_IMPLEMENTED.includes(name)
      ? Promise.reject(notImplemented(name))
      : listen(name, callback);
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
  return add as SentianceCore[N];
}
