// What a page has that this suite's engines lack: a window, and a geolocation that the user has permitted. With it the
// states can be reached in which detections run.

const FIX = { coords: { latitude: 51.05, longitude: 3.72, accuracy: 5 } };

const PAGE = {
  window: globalThis,
  addEventListener() {},
  removeEventListener() {},
  document: { visibilityState: "visible", addEventListener() {}, querySelector: () => null },
  isSecureContext: true,
  navigator: {
    geolocation: {
      watchPosition(onPosition) {
        setTimeout(() => onPosition({ ...FIX, timestamp: Date.now() }), 0);
        return 1;
      },
      clearWatch() {},
    },
    permissions: {
      query: ({ name }) =>
        name === "geolocation"
          ? Promise.resolve({ state: "granted", onchange: null })
          : Promise.reject(new TypeError(`no permission ${name}`)),
    },
  },
};

/** Makes the engine look like a page from now on. */
export function pretendPage() {
  for (const [name, value] of Object.entries(PAGE)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}

/** Takes the page away again, in a process that has other tests to run. */
export function endPage(before) {
  for (const name of Object.keys(PAGE)) {
    const original = before[name];
    if (original) Object.defineProperty(globalThis, name, original);
    else delete globalThis[name];
  }
}

/** What `endPage` needs to know. */
export function globalsOfPage() {
  return Object.fromEntries(
    Object.keys(PAGE).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]),
  );
}
