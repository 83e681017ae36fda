/** The app's own backend: it knows the app's users, and asks the platform for authentication codes. */

const DEADLINE_MS = 15_000;

/** What `GET /auth/code` answers. */
export interface AuthCodeAnswer {
  app_id: string;
  auth_code: string;
  platform_url: string;
}

/**
 * Asks for an authentication code for the user who signs in.
 *
 * @throws {Error} The backend doesn't know this user, or can't be reached.
 */
export async function fetchAuthCode(username: string, password: string): Promise<AuthCodeAnswer> {
  const response = await fetch("/auth/code", {
    headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` },
    cache: "no-store",
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  if (response.status === 401) throw new Error("This name and password don't belong together.");
  if (!response.ok) throw new Error(`The backend answered ${response.status}.`);
  return (await response.json()) as AuthCodeAnswer;
}
