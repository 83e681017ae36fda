// A real platform in a process of its own, on a real SQLite file.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { PLATFORM_BINARY } from "./artifacts.mjs";
import { within } from "./deadline.mjs";
import { makeFolder } from "./folder.mjs";

const run = promisify(execFile);
const COMMAND_DEADLINE_MS = 20_000;

/**
 * Starts `platform dev` on a free port of the loopback interface, with a new database.
 *
 * @param options.statusPollSeconds - How often pages ask for their state.
 * @param options.accessTokenLifetime - Such as `2s`.
 * @param options.tripTimeoutSeconds - How long a trip of an app may last.
 */
export async function startPlatform(scope, options = {}) {
  const folder = await makeFolder(scope, "platform");
  const platform = new Platform(join(folder, "platform.db"), options);
  scope.after(() => platform.kill());
  await platform.start();
  return platform;
}

class Platform {
  /** Where it listens, the same after a restart. */
  url = "http://127.0.0.1:0";
  /** The demo application, its secret and its API key. */
  appId = "";
  appSecret = "";
  apiKey = "";
  /** The file that holds everything. */
  databaseFile;
  #options;
  #process;

  constructor(databaseFile, options) {
    this.databaseFile = databaseFile;
    this.#options = options;
  }

  /** Starts the process and waits until it listens. */
  async start() {
    const { statusPollSeconds = 1, accessTokenLifetime, tripTimeoutSeconds } = this.#options;
    const args = ["dev", "--address", new URL(this.url).host, "--database", this.databaseFile];
    args.push("--status-poll-seconds", String(statusPollSeconds));
    if (accessTokenLifetime) args.push("--access-token-lifetime", accessTokenLifetime);
    if (tripTimeoutSeconds) args.push("--trip-timeout-seconds", String(tripTimeoutSeconds));
    const child = spawn(PLATFORM_BINARY, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    await within("the platform's start", this.#ready(child));
  }

  /** Starts it anew with other options, at the same address and with the same data. */
  async restartWith(options) {
    await this.stop();
    this.#options = { ...this.#options, ...options };
    await this.start();
  }

  /** Ends it as a supervisor would; it finishes what is under way. */
  async stop() {
    await this.#end("SIGTERM");
  }

  /** Ends it as a power cut would. */
  async kill() {
    await this.#end("SIGKILL");
  }

  /** Runs a command of the platform's command line on this database, and returns what it prints. */
  async command(...args) {
    const { stdout } = await run(PLATFORM_BINARY, [...args, "--database", this.databaseFile], {
      timeout: COMMAND_DEADLINE_MS,
    });
    return stdout;
  }

  /** The process id, while it runs. */
  get pid() {
    return this.#process?.pid;
  }

  async #ready(child) {
    let log = "";
    child.stderr.on("data", (chunk) => (log = (log + chunk).slice(-4000)));
    const failed = once(child, "exit").then(([code]) => {
      throw new Error(`the platform exited with code ${code}:\n${log}`);
    });
    failed.catch(() => {});
    const lines = createInterface({ input: child.stdout });
    const listening = new Promise((resolve) => {
      lines.on("line", (line) => {
        this.url = /^platform listening on (\S+)/.exec(line)?.[1] ?? this.url;
        this.appId = /^app id: (\S+)/.exec(line)?.[1] ?? this.appId;
        this.appSecret = /^app secret: (sas_\S+)/.exec(line)?.[1] ?? this.appSecret;
        this.apiKey = /^api key: (stk_\S+)/.exec(line)?.[1] ?? this.apiKey;
        if (this.apiKey && line.startsWith("platform listening on ")) resolve();
      });
    });
    await Promise.race([listening, failed]);
  }

  async #end(signal) {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await within("the platform's end", exited);
  }
}
