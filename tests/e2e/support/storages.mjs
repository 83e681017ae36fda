// Storages that an app can pass to `initialize`, with the methods of React Native's.

/** Where the SDK keeps its record, and where it sets one aside that it cannot read. */
export const RECORD_KEY = "sentiance.core";
export const UNREADABLE_KEY = "sentiance.core.unreadable";

/** The largest value that every secure store takes. */
const SECURE_STORE_LIMIT = 2048;

/**
 * Makes a storage with the methods of AsyncStorage.
 *
 * `items` is what it holds. What is set in `instead`, by the name of a method, is called in that method's place, until
 * it is deleted again.
 */
export function makeAsyncStorage() {
  const items = new Map();
  const instead = {};
  const methods = {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
  const disturbed = Object.entries(methods).map(([name, method]) => [
    name,
    async (...args) => (instead[name] ?? method)(...args),
  ]);
  return { items, instead, ...Object.fromEntries(disturbed) };
}

/** Makes a storage with the methods and the limits of Expo's SecureStore. */
export function makeSecureStore() {
  const items = new Map();
  const checked = (key) => {
    if (!/^[\w.-]+$/.test(key)) throw new Error(`SecureStore takes no key ${key}`);
    return key;
  };
  return {
    items,
    getItemAsync: async (key) => items.get(checked(key)) ?? null,
    setItemAsync: async (key, value) => {
      if (Buffer.byteLength(value) > SECURE_STORE_LIMIT)
        throw new Error("SecureStore takes no value so large");
      items.set(checked(key), value);
    },
    deleteItemAsync: async (key) => void items.delete(checked(key)),
  };
}

/** Makes a storage with the methods of MMKV, which are synchronous; the last is called `removal`. */
export function makeMmkv(removal) {
  const items = new Map();
  return {
    items,
    getString: (key) => items.get(key),
    set: (key, value) => void items.set(key, value),
    [removal]: (key) => items.delete(key),
  };
}
