// Debian's Chromium, and devices that are pages in it.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";
import { Device } from "./device.mjs";

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

/** Starts Chromium without a window. */
export async function launchChromium(scope) {
  const executablePath = (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "chromium"))
    .find((file) => existsSync(file));
  if (!executablePath)
    throw new Error("there is no chromium on the PATH: run `npm test` once, it installs it");
  const browser = await chromium.launch({ executablePath, args: FLAGS, timeout: STEP_DEADLINE_MS });
  scope.after(() => browser.close());
  return browser;
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

  /** Opens another tab of the same device. */
  async openTab() {
    const tab = new PageDevice(this.#context, this.#address);
    await tab.open();
    return tab;
  }

  /** Speaks the browser's own protocol with the page that is open now. */
  protocol() {
    return this.#context.newCDPSession(this.#page);
  }

  /** Cuts the device off from every network, or connects it again. */
  async setOffline(offline) {
    await this.#context.setOffline(offline);
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
