// Writes down all that the SDK of a device tells anybody: the app by rejecting, and a console or a logger.

/** The code of a warning of the SDK's, of which this is the text; undefined where it is none. */
export function warningCode(text) {
  return /^Sentiance: (\w+):/.exec(text)?.[1];
}

/**
 * Adds `said()` and `warned()` to a device.
 *
 * @param lines - Returns what its console and its logger were told, oldest first.
 */
export function eavesdrop(device, lines) {
  const rejections = [];
  const { call, restart } = device;
  let start = 0;
  return Object.assign(device, {
    async call(...args) {
      try {
        return await call.apply(device, args);
      } catch (error) {
        rejections.push(JSON.stringify({ ...error, stack: error.stack }));
        throw error;
      }
    },
    async restart() {
      start = lines().length;
      await restart.call(device);
    },
    /** The codes of the SDK's warnings since the app was started. */
    warned: () => lines().slice(start).map(warningCode).filter(Boolean),
    /** Everything, since the device was opened. */
    said: () => [...lines(), ...rejections],
  });
}
