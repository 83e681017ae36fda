/** The SDK's status, kept up to date by its listener. */
import { useEffect, useState } from "react";
import SentianceCore, { type SdkStatus } from "@sentiance-react-native/core";

/** The status, undefined until it is known, and what went wrong on the way. */
export function useSdkStatus(): { status?: SdkStatus; error?: unknown } {
  const [state, setState] = useState<{ status?: SdkStatus; error?: unknown }>({});
  useEffect(() => {
    const update = (status: SdkStatus) => setState({ status });
    const subscribed = SentianceCore.addSdkStatusUpdateListener(update);
    // Subscribed first, so that no change between the two is missed.
    subscribed
      .then(() => SentianceCore.getSdkStatus())
      .then(update)
      .catch((error: unknown) => setState({ error }));
    return () => {
      subscribed.then(
        (subscription) => subscription.remove(),
        () => undefined, // there is nothing to remove
      );
    };
  }, []);
  return state;
}
