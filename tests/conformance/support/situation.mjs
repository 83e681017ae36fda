// One device with the platform that it talks to: what a state is made of.

import { deleteUser } from "../../e2e/support/backend.mjs";
import { eventually, within } from "../../e2e/support/deadline.mjs";
import { startRecorder } from "../../e2e/support/recorder.mjs";
import { Scope } from "../../e2e/support/scope.mjs";
import { resolve } from "./arguments.mjs";

/** Every endpoint that the SDK knows. */
const ENDPOINTS = ["users", "token", "link", "link/confirm", "config", "metadata", "detections", "reset"].map(
  (path) => `/sdk/v1/${path}`,
);

/** Long enough for a busy machine. */
const PATIENT = { callMs: 10_000, requestMs: 5_000 };
/** For calls that are meant to run into their deadline. */
const IMPATIENT = { callMs: 1_500, requestMs: 700 };

export class Situation {
  stage;
  platform;
  device;
  /** Ends what this situation has started. */
  scope = new Scope();
  /** Where the device finds the platform. */
  platformUrl;
  /** When it was reached. */
  reachedAt = 0;
  /** Lets the initialization go on that the state `initializing` holds up. */
  release;
  #recorder;
  #isPage = false;
  /** Whether its engine and its storage are as they always are. */
  #isCommon = false;

  constructor(stage, platform) {
    this.stage = stage;
    this.platform = platform;
  }

  /** Starts the device, whose app calls nothing yet. */
  async start(runtime) {
    await this.#connect();
    this.device = await this.stage.startDevice(runtime);
  }

  /** Starts the device, or takes one that was used before, and has the app initialize the SDK. */
  async startInitialized() {
    await this.#connect();
    this.device = this.stage.takeSpare() ?? (await this.stage.startDevice());
    this.#isCommon = true;
    await this.initialize();
  }

  async #connect() {
    this.#recorder = await startRecorder(this.scope, this.platform);
    this.platformUrl = this.#recorder.url;
  }

  /** Ends all that belongs to it. A device that is as good as new after a reset is kept for the next situation. */
  async end() {
    if (await this.#recycles()) this.stage.keepSpare(this.device);
    else await this.device?.close();
    await this.scope.close();
  }

  async #recycles() {
    if (!this.#isCommon || Object.keys(this.device.storage.instead).length > 0) return false;
    const { outcome } = await this.perform("reset");
    return !outcome.error;
  }

  /** Performs a call with the arguments that the table describes; returns its outcome and the arguments. */
  async perform(name, described = []) {
    const args = await resolve(described, this);
    return { args, outcome: await within(`${name}()`, this.device.perform(name, args)) };
  }

  /** Calls a function of which nothing but success is expected. */
  async call(name, ...described) {
    return this.device.call(name, ...(await resolve(described, this)));
  }

  /** Has the app initialize the SDK. */
  initialize() {
    return this.call("initialize", { platformUrl: this.platformUrl, logger: null, timeouts: PATIENT });
  }

  /** Shortens the deadlines of the calls to come. */
  hurry() {
    return this.call("initialize", { timeouts: IMPATIENT });
  }

  /** Makes the engine look like a page whose user has permitted the geolocation. */
  async becomePage() {
    this.#isPage = true;
    await this.call("pretendPage");
  }

  /** Ends the app and starts it anew. */
  async restart() {
    await this.device.restart();
    if (this.#isPage) await this.call("pretendPage");
    await this.initialize();
  }

  createLinkedUser() {
    return this.call("createUser", { authCode: { $: "code" } });
  }

  createUnlinkedUser() {
    const appSecret = { $: "app secret" };
    return this.call("createUser", { appId: { $: "app id" }, appSecret, linker: { $: "NO_OP_LINKER" } });
  }

  /** Waits until the device knows that its user may do nothing. */
  async learnThatUserIsBlocked() {
    await this.restart();
    await eventually("that the device learns it", async () => {
      const status = await this.call("getSdkStatus");
      return !status.isRemoteEnabled;
    });
  }

  async disableUser() {
    const userId = await this.call("getUserId");
    await this.platform.command("user", "disable", "--app", this.platform.appId, userId);
    await this.learnThatUserIsBlocked();
  }

  async deleteUser() {
    await deleteUser(this.platform, await this.call("getUserId"));
    await this.learnThatUserIsBlocked();
  }

  /** Cuts the device off from the platform. */
  goOffline() {
    for (const path of ENDPOINTS) this.#recorder.answerInstead(path, (response) => response.destroy());
  }

  /** Begins a creation that the platform never answers. */
  async beginCreation() {
    let arrived;
    const arrival = new Promise((resolve) => (arrived = resolve));
    this.#recorder.answerInstead("/sdk/v1/users", () => arrived());
    void this.createLinkedUser().catch(() => undefined);
    await within("that the creation has begun", arrival);
  }
}
