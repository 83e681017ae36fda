/** What the app shows of an error. */

/** The message, after the SDK's code where the error has one. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as Error & { code?: unknown };
  return typeof code === "string" ? `${code}: ${error.message}` : error.message;
}
