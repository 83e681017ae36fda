// What the SDK costs on top of what an app would have to do anyway: both ways in turns, in one process, with one
// platform. Runs in Node and in pages alike.

const WARM_UP_RUNS = 5;
/** Longer than whatever a call leaves to be done after it has settled, so that it slows nothing that is measured. */
const SETTLE_MS = 100;
const STATUS_BATCHES = 20;
const STATUS_CALLS = 1_000;

/**
 * Creates users with `createUser`, and with a bare `fetch` that sends the same request, followed by one write of the
 * answer to storage. Returns `{sdkMs, fetchMs}`, of `runs` users each.
 *
 * @param authCode - Asks the app's backend for a code for an external id; its time doesn't count.
 * @param write - Writes a text to a storage such as the SDK uses.
 */
export async function compareCreations({ sdk, authCode, write, runs }) {
  const createBySdk = (code) => sdk.createUser({ authCode: code });
  const firstCode = await authCode("first");
  const request = await recordRequest(() => createBySdk(firstCode));
  await removeUser(sdk);
  const createByFetch = async (code) => write(await repeatRequest(request, code));

  const measured = { sdkMs: [], fetchMs: [] };
  for (let run = -WARM_UP_RUNS; run < runs; run += 1) {
    const measureSdk = async () => {
      const code = await authCode(`sdk ${run}`);
      const ms = await timed(() => createBySdk(code));
      await removeUser(sdk);
      if (run >= 0) measured.sdkMs.push(ms);
    };
    const measureFetch = async () => {
      const code = await authCode(`fetch ${run}`);
      const ms = await timed(() => createByFetch(code));
      await settle();
      if (run >= 0) measured.fetchMs.push(ms);
    };
    // Each is the first of the two in half of the runs.
    for (const measure of run % 2 ? [measureSdk, measureFetch] : [measureFetch, measureSdk]) await measure();
  }
  return measured;
}

/**
 * Asks for the status again and again, and as often for a promise of an equal object, parsed from JSON. Returns the
 * calls per second of each batch, `{sdkRates, parseRates}`.
 */
export async function compareStatusCalls(sdk) {
  const text = JSON.stringify(await sdk.getSdkStatus());
  const measured = { sdkRates: [], parseRates: [] };
  for (let batch = 0; batch < STATUS_BATCHES; batch += 1) {
    measured.sdkRates.push(await rate(() => sdk.getSdkStatus()));
    measured.parseRates.push(await rate(async () => JSON.parse(text)));
  }
  return measured;
}

/** Lets the SDK create a user, and returns the request that it has sent for that. */
async function recordRequest(create) {
  const { fetch } = globalThis;
  let request;
  globalThis.fetch = (url, options) => {
    if (url.endsWith("/sdk/v1/users")) request = { url, options };
    return fetch(url, options);
  };
  try {
    await create();
  } finally {
    globalThis.fetch = fetch;
  }
  delete request.options.signal;
  return request;
}

/** Sends the same request for another code and another install. */
async function repeatRequest({ url, options }, code) {
  const body = {
    ...JSON.parse(options.body),
    authentication_code: code,
    install_id: randomHex(),
    idempotency_key: randomHex(),
  };
  const response = await fetch(url, { ...options, body: JSON.stringify(body) });
  const answer = await response.text();
  if (!response.ok) throw new Error(`the platform answered ${response.status}: ${answer}`);
  return answer;
}

async function timed(work) {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

async function rate(call) {
  const ms = await timed(async () => {
    for (let count = 0; count < STATUS_CALLS; count += 1) await call();
  });
  return (STATUS_CALLS / ms) * 1_000;
}

function randomHex() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

async function removeUser(sdk) {
  await settle();
  await sdk.reset();
  await settle();
}

function settle() {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}
