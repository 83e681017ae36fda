/**
 * The fence around an instance of the core.
 *
 * Code that was stopped in the middle (a panic, an exhausted stack) leaves memory in which nothing can be relied on,
 * yet the engine would go on answering calls. So every way into the instance leads through here, and is closed once
 * an exception has crossed it: none does in normal life.
 */

/** Code compiled from Rust: functions and the memory. */
export type RawExports = Record<string, unknown>;

type Export = (...args: unknown[]) => unknown;

/**
 * Wraps the exports of an instance.
 *
 * The exception is not passed on to whoever called: that may be a timer or a promise's reaction, where it would end a
 * Node process. `onTrap` is told instead.
 *
 * @param exports - What the instance exports.
 * @param onTrap - Called once, on a microtask, when an exception has crossed the fence.
 */
export function fence(
  exports: RawExports,
  onTrap: (cause: unknown) => void,
): { exports: RawExports; stop: () => void } {
  let depth = 0;
  let closed = false;
  let trap: { readonly cause: unknown } | undefined;

  const enclose =
    (original: Export): Export =>
    (...args) => {
      if (closed) {
        tell();
        return undefined;
      }
      depth++;
      try {
        return original(...args);
      } catch (cause) {
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- the call may have set it
        if (!closed) trap = { cause };
        closed = true;
        // Frames of the instance that wait further down the stack have to be unwound too. (JavaScript between them may
        // swallow this, as a promise's constructor does: then they go on for a while, for nobody.)
        if (depth > 1) throw cause;
        return undefined;
      } finally {
        depth--;
        if (closed && depth === 0) {
          tell();
          blank();
        }
      }
    };

  const enclosed: RawExports = {};
  /** Tells of the trap on a fresh stack, since this one may be exhausted. If not even this fits, the next call does it. */
  function tell(): void {
    if (!trap) return;
    const { cause } = trap;
    void Promise.resolve().then(() => onTrap(cause));
    trap = undefined;
  }
  /** The glue goes on to read a result from memory: it shall find zeros, which mean that there is none. */
  function blank(): void {
    enclosed.memory = { buffer: new ArrayBuffer((exports.memory as WebAssembly.Memory).buffer.byteLength) };
  }
  function stop(): void {
    closed = true;
    blank();
  }
  for (const name of Object.keys(exports)) {
    const value = exports[name];
    enclosed[name] = typeof value === "function" ? enclose(value as Export) : value;
  }
  return { exports: enclosed, stop };
}
