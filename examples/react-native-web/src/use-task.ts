/** One asynchronous task of a screen: whether it runs, and what went wrong last. */
import { useCallback, useState } from "react";

/** `run` starts the task that it gets; a failure ends in `error`. */
export function useTask() {
  const [isRunning, setIsRunning] = useState(false);
  const [error, setError] = useState<unknown>();
  const run = useCallback(async (task: () => Promise<void>) => {
    setIsRunning(true);
    setError(undefined);
    try {
      await task();
    } catch (error) {
      setError(error);
    } finally {
      setIsRunning(false);
    }
  }, []);
  return { isRunning, error, run };
}
