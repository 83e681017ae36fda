// Debian's Chromium, and devices that are pages in it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { within } from "./deadline.mjs";
import { warningCode } from "./eavesdrop.mjs";
import { Device } from "./device.mjs";
import { makeFolder } from "./folder.mjs";

// A container's root has no sandbox, and a test must not wait for what a browser does on its own account.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const STEP_DEADLINE_MS = 30_000;

/**
 * Starts Chromium without a window.
 *
 * @param flags - Further ones for its command line.
 */
export async function launchChromium(scope, flags = []) {
  const options = launchOptions();
  const browser = await chromium.launch({ ...options, args: [...options.args, ...flags] });
  scope.after(() => browser.close());
  return browser;
}

/**
 * Starts Chromium with a profile of its own: a context that is no private window, as all others are.
 *
 * @param preferences - What the person has set in the browser.
 */
export async function launchProfile(scope, preferences = {}) {
  const folder = await makeFolder(scope, "profile");
  await mkdir(join(folder, "Default"));
  await writeFile(join(folder, "Default/Preferences"), JSON.stringify(preferences));
  const context = await chromium.launchPersistentContext(folder, launchOptions());
  scope.after(() => context.close());
  return context;
}

/**
 * Starts Chromium with one window, of whose tabs only the newest is visible. (Playwright has every page of a browser that
 * it starts itself believe that it is visible; here it joins one that runs.)
 *
 * @returns The context of the window's tabs.
 */
export async function launchWindow(scope) {
  const folder = await makeFolder(scope, "window");
  const { executablePath, args, timeout } = launchOptions();
  const flags = ["--headless", "--remote-debugging-port=0", `--user-data-dir=${folder}`];
  const child = spawn(executablePath, [...args, ...flags], { stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(child, "exit");
  scope.after(async () => {
    child.kill();
    await within("the browser's end", exited);
  });
  const address = new Promise((resolve) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      const found = /^DevTools listening on (\S+)/.exec(line);
      if (found) resolve(found[1]);
    });
  });
  const endpoint = await within("the browser's start", address);
  const browser = await chromium.connectOverCDP(endpoint, { noDefaults: true, timeout });
  scope.after(() => browser.close());
  return browser.contexts()[0];
}

function launchOptions() {
  const executablePath = (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "chromium"))
    .find((file) => existsSync(file));
  if (!executablePath)
    throw new Error("there is no chromium on the PATH: run `npm test` once, it installs it");
  // As people have it: pages that are left stay in the browser's cache, from where they come back as they were.
  const ignoreDefaultArgs = ["--disable-back-forward-cache"];
  return { executablePath, args: FLAGS, ignoreDefaultArgs, timeout: STEP_DEADLINE_MS };
}

/**
 * Opens a new device: a browser context has storage of its own, and its pages are the device's tabs.
 *
 * @param options.context - What the context emulates, as playwright takes it.
 * @param options.prepare - A function that runs in each page before its own scripts. It travels as text: a method's text
 *   would not run.
 */
export async function openPageDevice(scope, browser, address, { context: emulated = {}, prepare } = {}) {
  const context = await browser.newContext(emulated);
  scope.after(() => context.close());
  return openPageDeviceIn(context, address, prepare);
}

/** Opens a device whose storage is that of a context which is there already. */
export async function openPageDeviceIn(context, address, prepare) {
  context.setDefaultTimeout(STEP_DEADLINE_MS);
  if (prepare) await context.addInitScript(prepare);
  const device = new PageDevice(context, address);
  await device.open();
  return device;
}

class PageDevice extends Device {
  /** What the page wrote to its console, as `{type, text}`. */
  console = [];
  /** Errors that nobody caught. */
  errors = [];
  #context;
  #address;
  #page;

  constructor(context, address) {
    super();
    this.#context = context;
    this.#address = address;
  }

  async open() {
    const page = await this.#context.newPage();
    this.#page = page;
    page.on("pageerror", (error) => this.errors.push(error.stack ?? String(error)));
    page.on("console", (message) => this.console.push({ type: message.type(), text: message.text() }));
    await page.exposeFunction("reportStatus", (status) => this.statuses.push(status));
    await page.goto(this.#address);
    await page.waitForFunction("window.perform !== undefined");
  }

  async close() {
    await this.#page?.close();
    this.#page = undefined;
  }

  /** Reloads the page; what it knows afterwards, it knows from storage. */
  async restart() {
    this.statuses = [];
    await this.#page.reload();
    await this.#page.waitForFunction("window.perform !== undefined");
  }

  /**
   * Leaves the page for another one.
   *
   * @returns What goes back to it, and resolves with the browser's reasons why the page had not stayed in its cache.
   */
  async leaveFor(address) {
    const session = await this.protocol();
    await session.send("Page.enable");
    const { entries, currentIndex } = await session.send("Page.getNavigationHistory");
    await this.#page.goto(address);
    return async () => {
      const reasons = [];
      session.on("Page.backForwardCacheNotUsed", ({ notRestoredExplanations }) =>
        reasons.push(...notRestoredExplanations.map(({ reason }) => reason)),
      );
      await session.send("Page.navigateToHistoryEntry", { entryId: entries[currentIndex].id });
      await this.#page.waitForFunction("window.perform !== undefined");
      return reasons;
    };
  }

  /** Opens another tab of the same device. */
  async openTab() {
    const tab = new PageDevice(this.#context, this.#address);
    await tab.open();
    return tab;
  }

  /** Stops the page where it is, as a browser does with tabs that nobody looks at: no timer, answer or message. */
  async freeze() {
    assert.equal(await this.evaluate("document.visibilityState"), "hidden", "only hidden pages are frozen");
    await this.#setLifecycle("frozen");
  }

  /** Lets the page go on, unseen. */
  async thaw() {
    await this.#setLifecycle("active");
  }

  async #setLifecycle(state) {
    const session = await this.protocol();
    await session.send("Page.setWebLifecycleState", { state });
  }

  /** Speaks the browser's own protocol with the page that is open now. */
  protocol() {
    return this.#context.newCDPSession(this.#page);
  }

  /** Cuts the device off from every network, or connects it again. */
  async setOffline(offline) {
    await this.#context.setOffline(offline);
  }

  /** What the SDK warned of: the code of each warning, oldest first. */
  get warnings() {
    const texts = this.console.filter(({ type }) => type === "warning").map(({ text }) => text);
    return texts.map((text) => warningCode(text) ?? text);
  }

  /** Runs a function in the page, and returns what it resolves with. */
  evaluate(work, argument) {
    return this.#page.evaluate(work, argument);
  }

  perform(name, args) {
    return this.#page.evaluate(([name, args]) => window.perform(name, args), [name, args]);
  }

  /**
   * Checks that nothing went wrong that nobody asked about. The browser itself reports answers such as 403 as errors;
   * those belong to scenarios that provoke them.
   */
  assertQuiet() {
    assert.deepEqual(this.errors, []);
    const complaints = this.console.filter(
      ({ type, text }) => type === "error" && !text.startsWith("Failed to load resource"),
    );
    assert.deepEqual(complaints, []);
  }
}
