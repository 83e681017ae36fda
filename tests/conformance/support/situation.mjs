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
const PATIENT = { callMs: 5_000, requestMs: 2_000 };
/** For calls that are meant to run into their deadline. */
const IMPATIENT = { callMs: 800, requestMs: 400 };

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

  constructor(stage, platform) {
    this.stage = stage;
    this.platform = platform;
  }

  /** Starts the device, whose app calls nothing yet. */
  async start(runtime) {
    this.#recorder = await startRecorder(this.scope, this.platform);
    this.platformUrl = this.#recorder.url;
    this.device = await this.stage.startDevice(this.scope, runtime);
  }

  /** Ends the device and all that belongs to it. */
  async end() {
    await this.scope.close();
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

  /** Has the platform take its time with this endpoint, for ever. */
  stall(endpoint) {
    this.#recorder.answerInstead(`/sdk/v1/${endpoint}`, () => undefined);
  }
}
