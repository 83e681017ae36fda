// The app's backend: the server that knows the app's own users and holds the API key.

import assert from "node:assert/strict";

const REQUEST_DEADLINE_MS = 15_000;

/** Asks the platform for an authentication code for the app's user `externalId`. */
export async function authCode(platform, externalId) {
  const { status, body } = await request(platform, "POST", "/users/auth-code", {
    token: platform.apiKey,
    body: { external_id: externalId },
  });
  assert.equal(status, 200, `POST /users/auth-code answered ${status}: ${JSON.stringify(body)}`);
  return body.authentication_code;
}

/** What the platform answers about the user to whom `token` belongs. */
export function readOwnProfile(platform, token) {
  return request(platform, "GET", "/v2/users/me", { token });
}

/** What the platform answers about the trips of the user to whom `token` belongs. */
export function readOwnTrips(platform, token) {
  return request(platform, "GET", "/v2/users/me/detections?type=trip", { token });
}

/** Everything that a user's devices recorded, oldest first. */
export async function readDetections(platform, userId) {
  const detections = [];
  for (let cursor = ""; cursor !== null;) {
    const path = `/v2/users/${userId}/detections?limit=1000${cursor && `&cursor=${cursor}`}`;
    const { status, body } = await request(platform, "GET", path, { token: platform.apiKey });
    assert.equal(status, 200, `GET ${path} answered ${status}: ${JSON.stringify(body)}`);
    detections.push(...body.detections);
    cursor = body.next_cursor;
  }
  return detections;
}

/** Deletes a user on the platform. */
export function deleteUser(platform, userId) {
  return request(platform, "DELETE", `/users/${userId}`, { token: platform.apiKey });
}

async function request(platform, method, path, { token, body }) {
  const response = await fetch(new URL(path, platform.url), {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(REQUEST_DEADLINE_MS),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : undefined };
}
