// The app of the claims' test, the same in every runtime: the package's functions, and what has to be done or seen on the
// device itself.

/** Adds to the package's functions what the test needs. */
export function createObserver(sdk) {
  const heard = {};
  const linking = {};
  return {
    ...sdk,
    hasGeolocation: () => Boolean(globalThis.navigator?.geolocation),
    locate: () =>
      new Promise((resolve) => {
        const { geolocation } = navigator;
        geolocation.getCurrentPosition(
          () => resolve(true),
          () => resolve(false),
          // Chromium gives a second one who asks no fresh fix before the device moves.
          { maximumAge: Infinity },
        );
      }),
    async listenTo(name) {
      heard[name] = [];
      await sdk[name]((...args) => void heard[name].push(args));
    },
    heardBy: (name) => heard[name],
    createUnlinked: (credentials) => sdk.createUser({ ...credentials, linker: sdk.NO_OP_LINKER }),
    startLinking() {
      linking.done = sdk.linkUser(
        (installId) => new Promise((resolve) => Object.assign(linking, { installId, resolve })),
      );
      linking.done.catch(() => undefined);
    },
    installToLink: () => linking.installId,
    async finishLinking() {
      linking.resolve(true);
      await linking.done;
    },
    /** How many entries wait in the browser's database. */
    async countInDatabase() {
      const databases = globalThis.indexedDB ? await indexedDB.databases() : [];
      if (!databases.some(({ name }) => name === "sentiance.core")) return 0;
      return new Promise((resolve, reject) => {
        const request = indexedDB.open("sentiance.core");
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          const count = request.result.transaction("detections").objectStore("detections").count();
          count.onsuccess = () => {
            request.result.close();
            // The first is no detection: it holds the sums.
            resolve(count.result - 1);
          };
        };
      });
    },
  };
}
