/**
 * Sees that the app itself gets positions. Where the runtime does not tell of the permission, only that shows that the SDK
 * may watch without the person being asked.
 */

const METHODS = ["getCurrentPosition", "watchPosition"];

/**
 * Puts a proxy in the place of each method, which passes everything on: `this`, arguments, result and errors, as well as
 * the properties of the function.
 *
 * @param service - `navigator.geolocation`.
 * @param onFix - Called when a call of the app has brought a position, after the app's own callback.
 * @returns A function that ends this. A proxy in which another wrapper holds the method stays, and does nothing.
 */
export function observeFixes(service, onFix) {
  let isActive = true;
  const observe = (callback) =>
    typeof callback === "function"
      ? new Proxy(callback, {
          apply(target, self, args) {
            if (isActive) void Promise.resolve().then(onFix);
            return Reflect.apply(target, self, args);
          },
        })
      : callback;
  const replace = (name) => {
    const [holder, original] = find(service, name);
    const method = service[name];
    if (typeof method !== "function") return undefined;
    const proxy = new Proxy(method, {
      apply(target, self, args) {
        const [callback, ...others] = args;
        return Reflect.apply(
          target,
          self,
          isActive && args.length > 0 ? [observe(callback), ...others] : args,
        );
      },
    });
    const { enumerable, configurable, writable = true } = original;
    // Refused where the property can't be changed: then nothing is seen, and nothing harmed.
    Reflect.defineProperty(holder, name, { value: proxy, enumerable, configurable, writable });
    return () => {
      if (Reflect.getOwnPropertyDescriptor(holder, name)?.value === proxy) {
        Reflect.defineProperty(holder, name, original);
      }
    };
  };
  const steps = METHODS.map((name) => attempt(() => replace(name)));
  return () => {
    isActive = false;
    for (const step of steps) attempt(() => step?.());
  };
}

/** The object of the prototype chain that has the property, and its descriptor. */
function find(object, name) {
  const own = Reflect.getOwnPropertyDescriptor(object, name);
  return own ? [object, own] : find(Reflect.getPrototypeOf(object), name);
}

/** What `work` returns; nothing where an object of the app's refuses. */
function attempt(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}
