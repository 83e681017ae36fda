/** One instance of the core, and the promise that no call to it stays pending when it breaks. */
import type { LoadCore } from "./engine/core-module.js";
import { SdkInitializationError, SentianceError, withClass } from "./errors.js";

/** An instance of the core. */
export interface Instance {
  /**
   * Calls an exported function.
   *
   * @throws What the core rejects with, in its class; an `UNEXPECTED_ERROR` when the instance breaks meanwhile.
   */
  call(name: string, args: unknown[]): Promise<unknown>;
  /** Cuts it off for good. */
  stop(): void;
}

/** How an instance broke. */
interface Fault {
  readonly details: string;
  readonly cause?: unknown;
}

/**
 * Loads an instance.
 *
 * @param load - How.
 * @param onFault - Called once, as soon as the instance is broken.
 */
export async function startInstance(load: LoadCore, onFault: () => void): Promise<Instance> {
  const state: { fault?: Fault } = {};
  /** The ends of the calls in flight, for the case that the instance breaks. */
  const inFlight = new Set<(fault: Fault) => void>();

  const breakDown = (what: unknown, cause?: unknown) => {
    if (state.fault) return;
    const details = `The SDK failed internally (${String(what)}). The next call starts it again from what is stored.`;
    const fault = { details, cause };
    state.fault = fault;
    onFault();
    // A microtask later, so that the call that broke it is among them.
    void Promise.resolve().then(() => inFlight.forEach((fail) => fail(fault)));
  };

  const { module, stop } = await load((cause) => breakDown(cause, cause));

  const call = (name: string, args: unknown[]) =>
    new Promise<unknown>((resolve, reject) => {
      const fail = (fault: Fault) => settle(() => reject(brokenDown(name, fault)));
      const settle = (how: () => void) => {
        inFlight.delete(fail);
        how();
      };
      if (state.fault) return fail(state.fault);
      inFlight.add(fail);
      try {
        const result = module[name]!(...args);
        // Only of a broken instance: this call is rejected with the others, as soon as that is known.
        if (result === undefined) return;
        Promise.resolve(result).then(
          (value) => settle(() => resolve(value)),
          (error: unknown) => settle(() => reject(withClass(error))),
        );
      } catch (error) {
        // The glue refused an argument before the core was entered.
        settle(() => reject(error));
      }
    });

  return { call, stop };
}

function brokenDown(name: string, { details, cause }: Fault): Error {
  if (name === "initialize" || name === "ensureInitialized") {
    return new SdkInitializationError("EXCEPTION_OR_ERROR", `Reason: EXCEPTION_OR_ERROR - ${details}`);
  }
  return new SentianceError({
    code: "E_SDK_UNEXPECTED_ERROR",
    reason: "UNEXPECTED_ERROR",
    details,
    retryable: true,
    cause,
  });
}
