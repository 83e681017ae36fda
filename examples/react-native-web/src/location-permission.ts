/**
 * Asks the user for the location. The SDK never does so by itself: when to ask is the app's decision. A native app has
 * `react-native-permissions` in this place.
 */

const FIRST_POSITION_MS = 10_000;

/** Resolves when the user has answered, whatever the answer is: the SDK's status tells it. */
export function askForLocation(): Promise<void> {
  return new Promise((resolve) => {
    const done = () => resolve();
    navigator.geolocation.getCurrentPosition(done, done, { timeout: FIRST_POSITION_MS });
  });
}
