// The app's backend: hands authentication codes to the app's users, and serves the app itself. The API key stays here.

import { createServer } from "node:http";
import { signedInUser } from "./accounts.mjs";
import { requestAuthCode } from "./platform.mjs";
import { serveFile } from "./static-files.mjs";

const { API_KEY, APP_ID = "", PLATFORM_URL = "http://127.0.0.1:8080", PORT = "3000" } = process.env;
if (!API_KEY) {
  console.error("Set API_KEY to what `platform dev` has printed.");
  process.exit(1);
}

const server = createServer(async (request, response) => {
  try {
    const { pathname } = new URL(request.url, "http://backend");
    if (request.method !== "GET") answer(response, 405, { message: "Only GET is known here." });
    else if (pathname === "/auth/code") await answerAuthCode(request, response);
    else await serveFile(pathname, response, PLATFORM_URL);
  } catch (error) {
    console.error(error);
    answer(response, 502, { message: "The platform could not be asked." });
  }
});

server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`The app is at http://127.0.0.1:${server.address().port}`);
});

/** Answers with a new code for the user who asks. Who that is, the app doesn't say freely: it has to prove it. */
async function answerAuthCode(request, response) {
  const externalId = signedInUser(request.headers.authorization);
  if (externalId === undefined) {
    answer(response, 401, { message: "This name and password don't belong together." });
    return;
  }
  answer(response, 200, {
    app_id: APP_ID,
    auth_code: await requestAuthCode(PLATFORM_URL, API_KEY, externalId),
    platform_url: PLATFORM_URL,
  });
}

function answer(response, status, body) {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}
