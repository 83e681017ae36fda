/**
 * The one instance of the core: loaded at the first call, shared by all callers, thrown away after a fault, and
 * loaded anew by the next call. What the app had set up (options, listeners) is given to the new instance; the user
 * comes back from storage.
 */
import type { EmitterSubscription, InitializeOptions } from "../src/types.js";
import type { LoadCore } from "./engine/core-module.js";
import { startInstance, type Instance } from "./instance.js";
import { answerWithoutCore } from "./unavailable.js";

/** A listener of the app, which outlives the instance that it is attached to. */
interface Listener {
  readonly name: string;
  readonly callback: unknown;
  attached: EmitterSubscription;
}

let load: LoadCore;
let current: Promise<Instance> | undefined;
/** The options of every `initialize` that succeeded, the later ones over the earlier ones, as in the core. */
let options: object | undefined;
const listeners = new Set<Listener>();

/** Says how the core is loaded. Each entry of the package calls this once and does nothing else. */
export function loadCoreWith(loadCore: LoadCore): void {
  load = loadCore;
}

/**
 * Calls a function of the core.
 *
 * @throws Whatever the core rejects with; what `answerWithoutCore` says where it cannot be loaded.
 */
export async function call(name: string, args: unknown[]): Promise<unknown> {
  const isFirst = !current;
  let instance;
  try {
    instance = await live();
  } catch (error) {
    return answerWithoutCore(name, error);
  }
  try {
    const result = await instance.call(name, args);
    if (name === "initialize") options = { ...options, ...given(args[0]) };
    return result;
  } catch (error) {
    if (name === "initialize" && isFirst && isRefused(error)) {
      // The first call decides about the storage all the same: the user is in it.
      options = { storage: (args[0] as { storage?: unknown }).storage };
    }
    throw error;
  }
}

/** Whether options were refused since there is a user: but for the storage, they are not in force. */
function isRefused(error: unknown): boolean {
  return (error as { reason?: unknown } | undefined)?.reason === "REINITIALIZATION_NOT_ALLOWED";
}

/** The names of the options. Not the keys of what the app passed: an instance of a class has its getters elsewhere. */
const OPTIONS = Object.keys({
  platformUrl: 0,
  storage: 0,
  fetch: 0,
  deviceInfo: 0,
  logger: 0,
  timeouts: 0,
  locationAllowed: 0,
} satisfies Record<keyof InitializeOptions, 0>) as (keyof InitializeOptions)[];

/** The options that say something. */
function given(argument: unknown): InitializeOptions {
  const options = (argument ?? {}) as InitializeOptions;
  const entries = OPTIONS.map((name) => [name, options[name]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** Adds a listener that stays when the instance is replaced. */
export async function listen(name: string, given: unknown): Promise<EmitterSubscription> {
  let removed = false;
  const callback =
    typeof given === "function"
      ? (...args: unknown[]) => (removed ? undefined : (given as (...args: unknown[]) => unknown)(...args))
      : given;
  const attached = (await call(name, [callback])) as EmitterSubscription;
  const listener = { name, callback, attached };
  listeners.add(listener);
  return {
    remove() {
      removed = true;
      listeners.delete(listener);
      // The core is never entered but with a fresh stack: in the middle of something, it could not run out of it.
      void Promise.resolve().then(() => listener.attached.remove());
    },
  };
}

/** The instance in use. All who ask while it is loading get the same one; a failed load is tried again. */
function live(): Promise<Instance> {
  if (!current) {
    const started: Promise<Instance> = Promise.resolve().then(() => start(() => forget(started)));
    current = started;
    started.catch(() => forget(started));
  }
  return current;
}

/** Leaves an instance behind, unless another one has taken its place already. */
function forget(instance: Promise<Instance>): void {
  if (current === instance) current = undefined;
}

async function start(onFault: () => void): Promise<Instance> {
  const instance = await startInstance(load, onFault);
  try {
    if (options) {
      await instance.call("initialize", [options]).catch((error: unknown) => {
        // Another tab or process has created a user of another platform meanwhile.
        if (!isRefused(error)) throw error;
      });
    }
    for (const listener of listeners) {
      listener.attached = (await instance.call(listener.name, [listener.callback])) as EmitterSubscription;
      if (!listeners.has(listener)) listener.attached.remove();
    }
  } catch (error) {
    instance.stop();
    throw error;
  }
  return instance;
}
