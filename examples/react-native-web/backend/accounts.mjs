// The app's own users. A real backend has a database, hashed passwords and sessions in this place.

const ACCOUNTS = [
  { id: "customer-1", username: "ada", password: "lovelace" },
  { id: "customer-2", username: "charles", password: "babbage" },
];

/** The id of the user to whom an `Authorization: Basic` header belongs, which the platform gets as the external id. */
export function signedInUser(authorization = "") {
  const [scheme, encoded = ""] = authorization.split(" ");
  if (scheme !== "Basic") return undefined;
  const credentials = Buffer.from(encoded, "base64").toString("utf8");
  return ACCOUNTS.find(({ username, password }) => credentials === `${username}:${password}`)?.id;
}
