// The two engines run the same core: they answer alike, and text survives the way into it and back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ENGINES, createdUser, importFresh, offlineOptions, replaceGlobal } from "./support/entries.mjs";

const TEXTS = {
  "plain ASCII": "code-0123",
  "two, three and four bytes": "é ß € 한 😀 𝒳 \u{10ffff}",
  "a NUL": "before\0after",
  "a byte order mark": "\ufefftext",
  "a long text": "0123456789é".repeat(1_000),
};

/** Sends `text` into the core as a code and returns what the platform would have got. */
async function throughCore(sentiance, text) {
  let sent;
  await sentiance.initialize(
    offlineOptions((body) => {
      // The reset at the end sends something too.
      sent ??= body.authentication_code;
      return createdUser(`sat_${text}`);
    }),
  );
  const { userInfo } = await sentiance.createUser({ authCode: text });
  const { tokenId } = await sentiance.requestUserAccessToken();
  await sentiance.reset();
  return { sent, received: [userInfo.tokenId, tokenId] };
}

for (const { engine, file } of ENGINES) {
  for (const [what, text] of Object.entries(TEXTS)) {
    test(`${engine}: ${what} comes out as it went in`, async () => {
      const { sent, received } = await throughCore(await importFresh(file), text);
      // Not `equal`, which would print long texts.
      assert.ok(sent === text, "the text that the platform gets");
      assert.ok(
        received.every((token) => token === `sat_${text}`),
        "the text that the platform answers with",
      );
    });
  }

  test(`${engine}: half a surrogate pair becomes a replacement character`, async () => {
    const { sent } = await throughCore(await importFresh(file), "a\ud800b\udc00c");
    assert.equal(sent, "a\ufffdb\ufffdc");
  });

  // wasm2js replaces the memory's buffer when it grows, and leaves the old one readable: a view that is not renewed
  // returns another text's bytes.
  test(`${engine}: no text is mixed up with another when memory grows`, async () => {
    const sentiance = await importFresh(file);
    for (const megabytes of [1, 4, 16]) {
      const large = `stk_${String(megabytes).repeat(megabytes << 20)}`;
      await assert.rejects(sentiance.createUser(large), { code: "E_SDK_MISSING_PARAMS" });
      const text = `after ${megabytes} MB: é€😀`;
      const { sent, received } = await throughCore(sentiance, text);
      assert.equal(sent, text);
      assert.deepEqual(received, [`sat_${text}`, `sat_${text}`]);
    }
  });

  test(`${engine}: concurrent first calls share one instance`, async () => {
    const sentiance = await importFresh(file);
    const states = await Promise.all([sentiance.initialize(offlineOptions()), sentiance.ensureInitialized()]);
    assert.deepEqual(states, [undefined, undefined]);
    assert.equal(await sentiance.getInitState(), "INITIALIZED");
  });
}

test("both engines give the same answers, and fail alike", async () => {
  const transcripts = await Promise.all(ENGINES.map(async ({ file }) => transcript(await importFresh(file))));
  assert.deepEqual(transcripts[0], transcripts[1]);
});

/** Calls everything that the core does, and writes down what came of it. */
async function transcript(sentiance) {
  const lines = [];
  const note = async (name, ...args) => {
    const outcome = await sentiance[name](...args).then(
      (value) => ({ value }),
      ({ name: className, code, reason, details, message, retryable }) => ({
        error: { className, code, reason, details, message, retryable },
      }),
    );
    lines.push([name, outcome]);
  };
  // One point in time for both, since it is part of the answers.
  const user = { ...createdUser(), server_time: 1_700_000_000_000 };
  user.token.expires_at = 4_000_000_000_000;
  await note("getInitState");
  await note("initialize", { platformUrl: "not a URL" });
  await note(
    "initialize",
    offlineOptions(() => user),
  );
  for (const name of [
    "getInitState",
    "getVersion",
    "userExists",
    "isUserLinked",
    "getUserId",
    "getSdkStatus",
  ]) {
    await note(name);
  }
  await note("requestUserAccessToken");
  await note("createUser");
  await note("createUser", {});
  await note("createUser", 7);
  await note("createUser", "code");
  await note("createUser", "code");
  for (const name of ["userExists", "isUserLinked", "getUserId", "getSdkStatus", "requestUserAccessToken"]) {
    await note(name);
  }
  await note("addSdkStatusUpdateListener", "not a function");
  await note("reset");
  await note("userExists");
  return lines;
}

test("the react-native entry uses its own UTF-8 codec, whatever the runtime has", async (t) => {
  for (const name of ["TextEncoder", "TextDecoder", "FinalizationRegistry"]) {
    replaceGlobal(t, name, { value: undefined });
  }
  const { sent } = await throughCore(await importFresh("react-native"), TEXTS["two, three and four bytes"]);
  assert.equal(sent, TEXTS["two, three and four bytes"]);
});

test("the default entry brings a UTF-8 codec where the runtime has none", async (t) => {
  const text = TEXTS["two, three and four bytes"];
  // The answer needs Node's own codec: it is made beforehand.
  const bodies = [];
  const answer = JSON.stringify(createdUser(`sat_${text}`));
  for (const name of ["TextEncoder", "TextDecoder"]) replaceGlobal(t, name, { value: undefined });
  const sentiance = await importFresh("index");
  const fetch = async (url, init) => {
    bodies.push(JSON.parse(init.body));
    return { status: 201, headers: new Map(), text: async () => answer };
  };
  await sentiance.initialize({ ...offlineOptions(), fetch });
  const { userInfo } = await sentiance.createUser({ authCode: text });
  assert.equal(bodies[0].authentication_code, text);
  assert.equal(userInfo.tokenId, `sat_${text}`);
});
