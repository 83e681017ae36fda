// React's strict mode and hot reloading: effects that run twice, components that come and go, and modules that are
// replaced while the app runs. There is one user, each change is heard once, and no lock stays behind.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { authCode } from "../support/backend.mjs";
import { launchChromium } from "../support/chromium.mjs";
import { installPackage } from "../support/consumer.mjs";
import { eventually, within } from "../support/deadline.mjs";
import { startDevServer } from "../support/dev-server.mjs";
import { fileScope } from "../support/file-scope.mjs";
import { startPlatform } from "../support/platform.mjs";
import { startRecorder } from "../support/recorder.mjs";

const CREATION = "/sdk/v1/users";
/** The locks of the tab that records and of the one that follows the platform's events: held while there is a user. */
const ROLES = ["sentiance.core.recording", "sentiance.core.following"];
/** How long after a change it must not be heard again. */
const SILENCE_MS = 400;

let platform;
let browser;
let project;

before(async () => {
  [platform, browser, project] = await Promise.all([
    startPlatform(fileScope),
    launchChromium(fileScope),
    installPackage(fileScope),
  ]);
});

/** Opens the app in a page of its own, and waits for its user. */
async function openApp(t, externalId) {
  const { url, edit } = await startDevServer(t, project);
  const recorder = await startRecorder(t, platform);
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.exposeFunction("askForCode", () => authCode(platform, externalId));
  await page.addInitScript((platformUrl) => {
    window.platformUrl = platformUrl;
    window.page = Math.random();
  }, recorder.url);
  await page.goto(url);
  const app = new App(page, recorder, errors);
  await app.showsUser();
  return { app, edit };
}

class App {
  constructor(page, recorder, errors) {
    Object.assign(this, { page, recorder, errors });
  }

  /** Calls a function of the package instance that the app uses now. */
  call(name, ...args) {
    const called = this.page.evaluate(([name, args]) => window.sdk[name](...args), [name, args]);
    return within(`${name}()`, called);
  }

  /** Waits until the app shows its user, and returns the id. */
  async showsUser() {
    return (await this.page.waitForSelector("[data-user]")).getAttribute("data-user");
  }

  /** Waits until the app shows this revision of its source. */
  showsRevision(revision) {
    return this.page.waitForSelector(`[data-revision="${revision}"]`);
  }

  /** Has the status change, and returns how often the app has heard of it. */
  async countHeard() {
    const isEnabled = (await this.call("getSdkStatus")).detectionStatus !== "DISABLED";
    await this.page.evaluate(() => (window.heard = []));
    await this.call(isEnabled ? "disableDetections" : "enableDetections");
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
    return this.page.evaluate(() => window.heard.length);
  }

  /** How many creations the platform has seen. */
  get creations() {
    return this.recorder.requests.filter(({ path }) => path === CREATION).length;
  }

  /** The locks that are held, but for those of roles. */
  async locks() {
    const { held, pending } = await this.page.evaluate(() => navigator.locks.query());
    const names = [...held, ...pending].map(({ name }) => name);
    return names.filter((name) => !ROLES.includes(name));
  }

  /** Which page this is: another one after a reload. */
  identity() {
    return this.page.evaluate(() => window.page);
  }
}

/** Checks that the app has this one user, hears each change once, and holds nothing. */
async function assertInOrder(app, userId) {
  assert.equal(await app.showsUser(), userId);
  assert.equal(await app.call("getUserId"), userId);
  assert.equal(app.creations, 1);
  assert.equal(await app.countHeard(), 1);
  assert.equal(await app.countHeard(), 1);
  await eventually("that no lock is held", async () => (await app.locks()).length === 0);
  assert.deepEqual(app.errors, []);
}

test("in strict mode there is one user and one listener, however often the app is mounted", async (t) => {
  const { app } = await openApp(t, "strict mode");
  const userId = await app.showsUser();
  await assertInOrder(app, userId);
  for (let round = 0; round < 3; round += 1) {
    await app.page.evaluate(() => window.unmount());
    await app.page.waitForSelector("[data-revision]", { state: "detached" });
    assert.equal(await app.countHeard(), 0, "nobody listens");
    await app.page.evaluate(() => window.mount());
    await assertInOrder(app, userId);
  }
});

test("hot reloading the app, and the package itself, leaves one user and one listener", async (t) => {
  const { app, edit } = await openApp(t, "hot reload");
  const userId = await app.showsUser();
  const [identity, core] = [await app.identity(), await app.page.evaluateHandle(() => window.sdk)];
  await edit("app.jsx", (text) => text.replace('REVISION = "first"', 'REVISION = "second"'));
  await app.showsRevision("second");
  await assertInOrder(app, userId);

  // A developer who works on the package saves it: the app gets another instance, beside the one before.
  await edit("linked/index.js", (text) => `${text}\n// saved again`);
  await app.page.waitForFunction((before) => window.sdk !== before, core);
  await assertInOrder(app, userId);
  assert.equal(await app.identity(), identity, "the page was not reloaded");

  // What the instance before may have left does not keep this one from anything.
  await app.call("reset");
  await app.page.evaluate(() => window.unmount());
  await app.page.evaluate(() => window.mount());
  assert.equal(await app.showsUser(), userId);
  await eventually("the user", async () => (await app.call("getUserId")) === userId);
  assert.equal(app.creations, 2);
});
