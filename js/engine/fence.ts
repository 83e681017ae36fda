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
 * @param onTrap - Called once, when an exception has crossed the fence.
 */
export function fence(
  exports: RawExports,
  onTrap: (cause: unknown) => void,
): { exports: RawExports; stop: () => void } {
  let depth = 0;
  let closed = false;

  const enclose =
    (original: Export): Export =>
    (...args) => {
      if (closed) return undefined;
      depth++;
      try {
        return original(...args);
      } catch (cause) {
        // Frames of the instance that wait further down the stack have to be unwound too.
        if (depth > 1) throw cause;
        close();
        onTrap(cause);
        return undefined;
      } finally {
        depth--;
      }
    };

  const enclosed: RawExports = {};
  function close(): void {
    closed = true;
    // The glue goes on to read a result from memory: it shall find zeros, which mean that there is none.
    enclosed.memory = { buffer: new ArrayBuffer((exports.memory as WebAssembly.Memory).buffer.byteLength) };
  }
  for (const name of Object.keys(exports)) {
    const value = exports[name];
    enclosed[name] = typeof value === "function" ? enclose(value as Export) : value;
  }
  return { exports: enclosed, stop: close };
}
