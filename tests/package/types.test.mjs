// The package's types, as strict projects meet them: installed from the tarball, for every way of importing.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../e2e/support/artifacts.mjs";
import { installPackage } from "../e2e/support/consumer.mjs";
import { fileScope } from "../e2e/support/file-scope.mjs";

const run = promisify(execFile);
const COMPILER = join(ROOT, "node_modules/typescript/bin/tsc");
const DEADLINE_MS = 120_000;

/** What applications write. Lines marked with @ts-expect-error must not compile. */
const APPLICATION = `
import SentianceCore, {
  createUser,
  addSdkStatusUpdateListener,
  isSentianceError,
  linkUser,
  NO_OP_LINKER,
  SdkInitializationError,
  SentianceError,
  startTrip,
  TransportMode,
  transportModes,
  type CreateUserResult,
  type EmitterSubscription,
  type SdkInitState,
  type SdkStatus,
  type SentianceCore as Api,
  type UserCreationOptions,
  type UserLinkingResult,
} from "@sentiance-react-native/core";

export async function signIn(code: string): Promise<string> {
  const options: UserCreationOptions = { authCode: code, platformUrl: "https://api.sentiance.com" };
  const result: CreateUserResult = await SentianceCore.createUser(options);
  const { userId, tokenId, tokenExpiryDate, isTokenExpired } = (await createUser(code)).userInfo;
  return [result.userInfo.userId, userId, tokenId, tokenExpiryDate, String(isTokenExpired)].join();
}

export const unlinked: Promise<CreateUserResult> = createUser({ appId: "a", appSecret: "b", linker: NO_OP_LINKER });
export const byPromise: Promise<UserLinkingResult> = linkUser(async (installId: string) => installId !== "");
export const atOnce: Promise<UserLinkingResult> = linkUser((installId) => installId.length > 0);
export const trip: Promise<void> = startTrip({ key: "value" }, TransportMode.CAR);
export const sameTrip: Promise<void> = SentianceCore.startTrip(null, transportModes.TRAIN);
export const name: string | undefined = transportModes[2];
export const hint: TransportMode = TransportMode.BUS;

export async function listen(): Promise<EmitterSubscription> {
  addSdkStatusUpdateListener((status) => status.canDetect).remove();
  return await SentianceCore.addSdkStatusUpdateListener((status: SdkStatus) => {
    const { detectionStatus, isRemoteEnabled, canMonitorGeofences } = status;
    if (detectionStatus === "ENABLED_AND_DETECTING") console.log(isRemoteEnabled, canMonitorGeofences);
  });
}

export async function start(): Promise<string> {
  try {
    await SentianceCore.ensureInitialized();
    await SentianceCore.initialize({ storage: "memory", logger: console, deviceInfo: { class: "tablet" } });
    await SentianceCore.initialize({
      fetch: async (url, { body }) => ({ status: 200, headers: { get: () => null }, text: async () => url + body }),
    });
    const state: SdkInitState = await SentianceCore.getInitState();
    const id: string = await SentianceCore.getUserId();
    return state + id;
  } catch (error) {
    if (error instanceof SdkInitializationError) return error.reason;
    if (isSentianceError(error, "E_SDK_CREATE_USER_ERROR") && error.reason === "USER_ALREADY_EXISTS") return error.details;
    return error instanceof SentianceError ? error.code : "unknown";
  }
}

export const made = new SdkInitializationError("UNKNOWN", "It did not start.");
export const api: Api = SentianceCore;
export const nothing: void = SentianceCore.userLinkCallback(true);

// @ts-expect-error A linker is a function.
void linkUser("code");
// @ts-expect-error An empty object is not the linker that does not link.
void createUser({ linker: {} });
// @ts-expect-error There is no such mode.
void startTrip(null, TransportMode.ROCKET);
// @ts-expect-error There is no such function.
void SentianceCore.destroyUser();
`;

/** What holds only where the runtime's own types are those of browsers, or only where they are not. */
const IN_BROWSERS = `
export const browserOptions: Parameters<Api["initialize"]>[0] = { fetch: window.fetch, storage: localStorage };
`;
const ELSEWHERE = `
declare const console: { log(...what: unknown[]): void; warn(text: string): void };
`;

const STRICT = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
  types: [],
};

const PROJECTS = [
  { name: "an ES module under node16", file: "app.mts", module: "node16", moduleResolution: "node16" },
  { name: "CommonJS under node16", file: "app.cts", module: "node16", moduleResolution: "node16" },
  { name: "a bundler's project", file: "app.ts", module: "esnext", moduleResolution: "bundler" },
  {
    name: "a React Native project",
    file: "app.ts",
    module: "esnext",
    moduleResolution: "bundler",
    customConditions: ["react-native"],
  },
];

let project;

before(async () => {
  project = await installPackage(fileScope);
});

for (const [index, { name, file, ...options }] of PROJECTS.entries()) {
  for (const lib of [["es2022", "dom"], ["es2022"]]) {
    test(`${name}, with ${lib.join(" and ")}, compiles`, async () => {
      const folder = join(project, `types-${index}-${lib.length}`);
      await mkdir(folder);
      const surroundings = lib.includes("dom") ? IN_BROWSERS : ELSEWHERE;
      await writeFile(join(folder, file), APPLICATION + surroundings);
      await writeFile(
        join(folder, "tsconfig.json"),
        JSON.stringify({ compilerOptions: { ...STRICT, ...options, target: "es2022", lib }, files: [file] }),
      );
      const { stdout } = await run(process.execPath, [COMPILER, "--project", folder], {
        timeout: DEADLINE_MS,
      }).catch((failure) => failure);
      assert.equal(stdout, "");
    });
  }
}
