// What a page runs before its own scripts to lack what old browsers lack. Each is one function, since it travels as text.

/** Neither Web Locks nor `BroadcastChannel`. */
export function withoutLocksAndChannels() {
  Object.defineProperty(Navigator.prototype, "locks", { value: undefined });
  Object.defineProperty(globalThis, "BroadcastChannel", { value: undefined });
}
