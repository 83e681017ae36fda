/**
 * The two classes of errors, and the one place where an error that the core made gets its class.
 *
 * Two copies of this package can live in one application (as an ES module and as CommonJS), so errors are told by a
 * brand that both know and not by `instanceof`.
 */
import type { SentianceErrorCode, SentianceErrorReason } from "../src/types.js";

/** The brand's key; its value is the name of the class. The core sets it on the errors that it makes. */
const BRAND = Symbol.for("@sentiance-react-native/core/error");

/** What a `SentianceError` is made of. */
export interface SentianceErrorFields {
  code: SentianceErrorCode;
  reason: SentianceErrorReason;
  /** A sentence for a developer. */
  details: string;
  /** Whether the same call can succeed later, with the same arguments. */
  retryable: boolean;
  /** What led to it. */
  cause?: unknown;
}

/** Why a call of the API was rejected. */
export class SentianceError extends Error {
  /** Which call failed, or why none could start. */
  declare readonly code: SentianceErrorCode;
  /** Why. */
  declare readonly reason: SentianceErrorReason;
  /** A sentence for a developer; holds no secret and no personal data. */
  declare readonly details: string;
  /** Whether the same call can succeed later, with the same arguments. */
  declare readonly retryable: boolean;
  /** What led to it, where that is known. */
  declare readonly cause?: unknown;

  constructor(fields: SentianceErrorFields) {
    super(messageOf(fields));
    const { cause, ...shown } = fields;
    Object.assign(this, shown);
    hide(this, { name: "SentianceError", [BRAND]: "SentianceError", ...(cause !== undefined && { cause }) });
  }

  /** Where an argument is missing, the original rejects with a plain text, which applications print as it is. */
  override toString(): string {
    return this.code === "E_SDK_MISSING_PARAMS" ? this.message : super.toString();
  }
}

/** Why the SDK could not be initialized. `ensureInitialized()` and `initialize()` reject with it; either tries again. */
export class SdkInitializationError extends Error {
  /**
   * `INVALID_PARAMS`, `UNSUPPORTED_OS_VERSION`, `EXCEPTION_OR_ERROR`, `REINITIALIZATION_NOT_ALLOWED` or
   * `SDK_RESET_IN_PROGRESS`; an app that makes its own may use another, such as `UNKNOWN`.
   */
  readonly reason: string;
  /** Always the same. */
  declare readonly code: "E_SDK_INITIALIZATION_ERROR";

  /**
   * @param reason - One of the reasons above, or another that the app makes.
   * @param message - A sentence for a developer.
   */
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
    hide(this, {
      name: "SdkInitializationError",
      code: "E_SDK_INITIALIZATION_ERROR",
      [BRAND]: "SdkInitializationError",
    });
  }
}

/**
 * Whether `error` is a `SentianceError`, and, where `code` is given, whether it has that code.
 *
 * @param error - Whatever was caught.
 * @param code - The code to look for.
 */
export function isSentianceError<C extends SentianceErrorCode = SentianceErrorCode>(
  error: unknown,
  code?: C,
): error is SentianceError & { readonly code: C } {
  return (
    brandOf(error) === "SentianceError" && (code === undefined || (error as SentianceError).code === code)
  );
}

/** Gives an error that the core made the class that its brand names; everything else stays as it is. */
export function withClass(error: unknown): unknown {
  switch (brandOf(error)) {
    case "SentianceError":
      return Object.setPrototypeOf(error, SentianceError.prototype);
    case "SdkInitializationError":
      return Object.setPrototypeOf(error, SdkInitializationError.prototype);
    default:
      return error;
  }
}

function brandOf(error: unknown): unknown {
  // Not `instanceof`: an error may come from another frame.
  if (typeof error !== "object" || error === null) return undefined;
  try {
    return (error as Record<symbol, unknown>)[BRAND];
  } catch {
    // A proxy may refuse to be read, and whatever was caught can be one.
    return undefined;
  }
}

/** Two codes have the original's plain text; all others have the form that applications parse. */
function messageOf({ code, reason, details }: SentianceErrorFields): string {
  const plain = code === "E_SDK_NOT_INITIALIZED" || code === "E_SDK_MISSING_PARAMS";
  return plain ? details : `Reason: ${reason} - ${details}`;
}

/** Defines properties that do not show when the error is listed or copied, as with built-in errors. */
function hide(error: Error, properties: Record<PropertyKey, unknown>): void {
  for (const key of Reflect.ownKeys(properties)) {
    const value = properties[key as string];
    Object.defineProperty(error, key, { value, configurable: true, writable: true });
  }
}
