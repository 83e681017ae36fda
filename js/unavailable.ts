/** What the API answers where there is no core to ask. */
import { CoreUnavailable } from "./engine/core-module.js";
import { SdkInitializationError, SentianceError } from "./errors.js";

/**
 * The answer to a call that found no core.
 *
 * @param name - The function that was called.
 * @param error - Why there is no core.
 * @returns The state, for the one question that can be answered.
 * @throws Everything else.
 */
export function answerWithoutCore(name: string, error: unknown): unknown {
  if (!(error instanceof CoreUnavailable)) throw error;
  const { canRunHere, details, cause } = error;
  switch (name) {
    case "getInitState":
      return "NOT_INITIALIZED";
    case "initialize":
    case "ensureInitialized": {
      const reason = canRunHere ? "EXCEPTION_OR_ERROR" : "UNSUPPORTED_OS_VERSION";
      throw new SdkInitializationError(reason, `Reason: ${reason} - ${details}`);
    }
    default:
      throw new SentianceError({
        code: "E_SDK_NOT_INITIALIZED",
        reason: "SDK_NOT_INITIALIZED",
        details: `Sdk not initialized: ${details}`,
        retryable: canRunHere,
        cause,
      });
  }
}
