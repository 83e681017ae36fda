// Markup without a script, which somebody else has brought into an app's page: it must not choose where a code goes, nor
// have it go to the default platform instead of the app's own.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startBrowserStage } from "../support/browser-stage.mjs";
import { launchChromium, openPageDevice } from "../support/chromium.mjs";
import { installPackage } from "../support/consumer.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { performMainJob } from "../support/main-job.mjs";
import { bundleWithEsbuild, startPages } from "../support/pages.mjs";

const OWN = "https://own.example";
const EVIL = "https://evil.example";
const DEFAULT = "https://api.sentiance.com";
const META = `<meta name="sentiance-platform-url" content="${OWN}">`;
const EVIL_META = META.replace(OWN, EVIL);
const CODE = "c0de".repeat(32);

let browser;
let dist;

before(async () => {
  browser = await launchChromium(fileScope);
  dist = await bundleWithEsbuild(await installPackage(fileScope));
});

/** Where a code goes from a page with that markup, or why it goes nowhere. */
async function destination(t, head, prepare) {
  const pages = await startPages(t, dist, { head });
  const device = await openPageDevice(t, browser, pages.address({ url: OWN }), { prepare });
  await device.evaluate(() => {
    window.sent = [];
    window.fetch = async (url) => {
      window.sent.push(new URL(url).origin);
      return new Response('{"errorCode":"NO","message":"no","ref":"0"}', { status: 400 });
    };
  });
  const error = await device.call("createUser", { authCode: CODE }).catch((error) => error);
  const sent = await device.evaluate(() => window.sent);
  return { goes: sent[0] ?? error.reason, warned: device.warnings, error };
}

const named = (names, tag = "img") =>
  names.map((name) => `<${tag} name="${name}" id="${name}"></${tag}>`).join("");
/** What the SDK reads of `document`, by whatever way. */
const OF_DOCUMENT = [
  "querySelector",
  "querySelectorAll",
  "head",
  "documentElement",
  "getElementsByName",
  "defaultView",
];
const body = (markup) => `</head><body>${markup}`;

const setGlobal = () => {
  globalThis.SENTIANCE_PLATFORM_URL = "https://own.example";
};

for (const [what, head, expected, prepare] of [
  ["an app's own meta", META, OWN],
  ["the same meta twice", META + META, OWN],
  ["a global beside another's meta in the head", EVIL_META, OWN, setGlobal],
  ["a global beside another's meta in the body", body(EVIL_META), OWN, setGlobal],
  ["a global beside elements of its name", body(named(["SENTIANCE_PLATFORM_URL"], "form")), OWN, setGlobal],
  ...["img", "form", "iframe", "object", "embed"].map((tag) => [
    `elements <${tag}> that are named like what is read of the document`,
    META + body(named(OF_DOCUMENT, tag)),
    OWN,
  ]),
  [
    "a link that is named like the global",
    META + body(`<a id="SENTIANCE_PLATFORM_URL" href="${EVIL}">x</a>`),
    OWN,
  ],
  [
    "two links that are named like the global",
    META + body(`<a id="SENTIANCE_PLATFORM_URL" href="${EVIL}"></a>`.repeat(2)),
    OWN,
  ],
  [
    "a frame that is named like the global",
    META + body(`<iframe name="SENTIANCE_PLATFORM_URL"></iframe>`),
    OWN,
  ],
  ["a base element", `<base href="/elsewhere/" target="x">${META}`, OWN],
  ["another's meta in the body", META + body(EVIL_META), OWN],
  ["another's meta in a nested head", META + body(`<div><head>${EVIL_META}</head></div>`), OWN],
  ["another's meta in an svg", META + body(`<svg><head/>${EVIL_META}<desc>${EVIL_META}</desc></svg>`), OWN],
  ["another's meta in a template", META + body(`<template>${EVIL_META}</template>`), OWN],
  ["another's meta in a frame", META + body(`<iframe srcdoc='${EVIL_META}'></iframe>`), OWN],
  ["another's meta behind the own one in the head", META + EVIL_META, "INVALID_PARAMS"],
  ["another's meta before the own one in the head", EVIL_META + META, "INVALID_PARAMS"],
  ["markup that moves the own meta into the body", `<img>${META}`, "INVALID_PARAMS"],
  ["only another's meta, in the body", body(EVIL_META), "INVALID_PARAMS"],
  ["an empty meta", META.replace(OWN, ""), "INVALID_PARAMS"],
]) {
  test(`with ${what}, the code goes to the app's platform or nowhere`, async (t) => {
    const { goes, error } = await destination(t, head, prepare);
    assert.equal(goes, expected, error.message);
    if (expected === "INVALID_PARAMS") assert.match(error.message, /SENTIANCE_PLATFORM_URL.*head/);
  });
}

for (const [what, head] of [
  ["nothing", ""],
  ["a template around the own meta", `<template>${META}</template>`],
]) {
  test(`where ${what} names a platform, the default one is not taken in silence`, async (t) => {
    const { goes, warned } = await destination(t, head);
    assert.equal(goes, DEFAULT);
    assert.ok(warned.includes("DEFAULT_PLATFORM"), warned.join());
  });
}

test("elements that are named like what the SDK reads of the window change nothing", async (t) => {
  const { platform, browser } = await startBrowserStage(t);
  const names =
    "fetch localStorage navigator crypto BroadcastChannel AbortController indexedDB process HermesInternal Promise " +
    "JSON Date setTimeout clearTimeout addEventListener console location isSecureContext DeviceMotionEvent Boolean " +
    "String Intl nativeModuleProxy TextDecoder ReadableStream visibilityState window document self";
  const head =
    `<meta name="sentiance-platform-url" content="${platform.url}">` +
    body(named(names.split(" "), "form") + named([...OF_DOCUMENT, "addEventListener", "visibilityState"]));
  const pages = await startPages(t, dist, { head });
  const device = await openPageDevice(t, browser, pages.address(platform));
  await performMainJob(platform, device, "named elements");
  assert.ok(await device.evaluate(() => localStorage.getItem("sentiance.core") !== null));
});
