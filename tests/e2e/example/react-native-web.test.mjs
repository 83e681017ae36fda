// The app in examples/react-native-web in Chromium, on a screen as large as a phone's, used as its user would use it.
// What its screens look like is kept in artifacts/example.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { ARTIFACTS } from "../support/artifacts.mjs";
import { launchChromium } from "../support/chromium.mjs";
import { installExample, runScript, startBackend } from "../support/example-app.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startPlatform } from "../support/platform.mjs";

const USER_ID = /^[0-9a-f]{24}$/;
const STEP_DEADLINE_MS = 30_000;
const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
  geolocation: { latitude: 50.8467, longitude: 4.3525, accuracy: 10 },
};

let platform;
let project;
let browser;
let address;

before(async () => {
  [platform, project, browser] = await Promise.all([
    startPlatform(fileScope),
    installExample(fileScope),
    launchChromium(fileScope),
    mkdir(join(ARTIFACTS, "example"), { recursive: true }),
  ]);
  await runScript(project, "build");
  address = await startBackend(fileScope, project, platform);
});

test("the example's types are strict, and need no react-native", () => runScript(project, "typecheck"));

test("initialize, create, enable, status, reset, and create again", async (t) => {
  const { page, errors } = await openApp(t, { permissions: ["geolocation"] });
  await heading(page, "Sign in").waitFor();
  await keepScreenshot(page, "sign-in");

  await signIn(page, "ada", "lovelace");
  await heading(page, "Record your drives").waitFor();
  await keepScreenshot(page, "detections");

  await button(page, "Enable detections").click();
  await status(page, "ENABLED_AND_DETECTING").waitFor();
  assert.equal(await page.getByTestId("init-state").innerText(), `${await packageVersion()}, INITIALIZED`);
  const userId = await page.getByTestId("user-id").innerText();
  assert.match(userId, USER_ID);
  await keepScreenshot(page, "dashboard");

  // The app is closed and opened: it goes on where it was.
  await page.reload();
  await status(page, "ENABLED_AND_DETECTING").waitFor();

  await button(page, "Sign out").click();
  await heading(page, "Sign out?").waitFor();
  await keepScreenshot(page, "reset");
  await button(page, "Reset").click();
  await heading(page, "Sign in").waitFor();

  await signIn(page, "ada", "lovelace");
  await button(page, "Enable detections").click();
  await status(page, "ENABLED_AND_DETECTING").waitFor();
  await page.getByText(userId).waitFor();
  assert.deepEqual(errors, []);
});

test("without the permission detections are blocked, and begin when it is given", async (t) => {
  const { context, page, errors } = await openApp(t, { permissions: [] });
  await signIn(page, "charles", "babbage");
  await button(page, "Enable detections").click();
  await status(page, "ENABLED_BUT_BLOCKED").waitFor();
  await page.getByText("Allow this page to use your location").waitFor();
  await keepScreenshot(page, "blocked");

  await context.grantPermissions(["geolocation"], { origin: address });
  await status(page, "ENABLED_AND_DETECTING").waitFor();
  assert.deepEqual(errors, []);
});

test("a wrong password creates no user", async (t) => {
  const { page } = await openApp(t);
  await signIn(page, "ada", "byron");
  await page.getByRole("alert").getByText("This name and password don't belong together.").waitFor();
  await page.reload();
  await heading(page, "Sign in").waitFor();
});

test("an SDK that does not start is explained, and can be started again", async (t) => {
  const { page } = await openApp(t, {}, () => {
    const { instantiate } = WebAssembly;
    WebAssembly.instantiate = () => {
      WebAssembly.instantiate = instantiate;
      return Promise.reject(new RangeError("WebAssembly: out of memory"));
    };
  });
  await heading(page, "The SDK didn't start").waitFor();
  await keepScreenshot(page, "initialization-error");
  await button(page, "Try again").click();
  await heading(page, "Sign in").waitFor();
});

/** Opens the app on a new phone. */
async function openApp(t, emulated = {}, prepare) {
  const context = await browser.newContext({ ...PHONE, ...emulated });
  t.after(() => context.close());
  context.setDefaultTimeout(STEP_DEADLINE_MS);
  if (prepare) await context.addInitScript(prepare);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.stack ?? String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto(address);
  return { context, page, errors };
}

async function signIn(page, name, password) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await button(page, "Create user").click();
}

function heading(page, name) {
  return page.getByRole("heading", { name, exact: true });
}

function button(page, name) {
  return page.getByRole("button", { name, exact: true });
}

function status(page, text) {
  return page.getByRole("status").getByText(text, { exact: true });
}

function keepScreenshot(page, name) {
  return page.screenshot({ path: join(ARTIFACTS, "example", `${name}.png`), animations: "disabled" });
}

async function packageVersion() {
  const manifest = await import(join(project, "node_modules/@sentiance-react-native/core/package.json"), {
    with: { type: "json" },
  });
  return manifest.default.version;
}
