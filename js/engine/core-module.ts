/** What every engine hands to the facade, however the core's code arrived and whatever runs it. */

/** The functions that the core exports, by name; each returns a promise. */
export interface CoreModule {
  readonly [name: string]: (...args: unknown[]) => unknown;
}

/** A core that runs. */
export interface RunningCore {
  readonly module: CoreModule;
  /** Cuts it off for good: whatever still calls into it (timers, events, responses) finds nothing there. */
  readonly stop: () => void;
}

/**
 * Makes a new instance of the core.
 *
 * @param onTrap - Called when the core's code has stopped in the middle, and the instance cannot be used any more.
 * @throws {CoreUnavailable} The core cannot run here, or could not be loaded this time.
 */
export type LoadCore = (onTrap: (cause: unknown) => void) => Promise<RunningCore>;

/** Why there is no core. */
export class CoreUnavailable extends Error {
  /**
   * @param canRunHere - False where no later try can succeed in this runtime.
   * @param details - A sentence for a developer: what is wrong, and what to do.
   * @param cause - What the runtime said.
   */
  constructor(
    readonly canRunHere: boolean,
    readonly details: string,
    override readonly cause?: unknown,
  ) {
    super(details);
  }
}
