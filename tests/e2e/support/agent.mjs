// Runs on the device, in whatever engine it has: performs one call of the API and describes the outcome in plain data,
// which can cross to the test's process.

/**
 * Makes the function that performs calls.
 *
 * @param sdk - The package under test.
 * @param onStatus - Gets every status update, once `addSdkStatusUpdateListener` was called.
 */
export function createAgent(sdk, onStatus) {
  return function perform(name, args) {
    return new Promise((resolve) => resolve(invoke(sdk, name, args, onStatus))).then(
      (value) => ({ value }),
      (error) => ({ error: describe(error, sdk) }),
    );
  };
}

function invoke(sdk, name, args, onStatus) {
  if (typeof sdk[name] !== "function") throw new Error(`the package exports no function ${name}`);
  // A subscription is an object with a function, which cannot cross; that the listener is attached is enough.
  if (name === "addSdkStatusUpdateListener" && args.length === 0)
    return sdk[name](onStatus).then(() => undefined);
  return sdk[name](...args);
}

function describe(error, sdk) {
  const thing = error === null || error === undefined ? {} : error;
  return {
    name: thing.name,
    message: thing.message,
    code: thing.code,
    reason: thing.reason,
    details: thing.details,
    retryable: thing.retryable,
    text: String(error),
    stack: thing.stack,
    cause: thing.cause === undefined ? undefined : String(thing.cause),
    isError: error instanceof Error,
    isSentianceError: sdk.isSentianceError(error),
    isInstance: error instanceof sdk.SentianceError,
  };
}
