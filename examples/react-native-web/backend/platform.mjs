// What the backend asks of the platform.

const DEADLINE_MS = 10_000;

/** Asks for an authentication code for the app's user `externalId`. A code is good once, so none is kept. */
export async function requestAuthCode(platformUrl, apiKey, externalId) {
  const response = await fetch(`${platformUrl}/users/auth-code`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ external_id: externalId }),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  if (!response.ok) throw new Error(`the platform answered ${response.status}: ${await response.text()}`);
  const { authentication_code } = await response.json();
  return authentication_code;
}
