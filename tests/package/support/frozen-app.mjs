// An app that freezes built-in prototypes. Its arguments: the package's entry, when to freeze, and which. It prints what
// came of its calls.

import { importFresh, offlineOptions } from "./entries.mjs";

const [file, when, frozen] = process.argv.slice(2);

function freeze() {
  for (const name of frozen.split(",")) Object.freeze(globalThis[name].prototype);
}

const describe = (promise) =>
  promise.then(
    () => "resolved",
    (error) => [error.name, error.code ?? null, error.reason ?? null, error instanceof Error],
  );

if (when === "before") freeze();
const sdk = await importFresh(file);
await sdk.initialize(offlineOptions());
const { userInfo } = await sdk.createUser({ authCode: "code" });
if (when === "after") freeze();

const outcome = {
  refused: await describe(sdk.createUser({ authCode: "code" })),
  invalid: await describe(sdk.addUserMetadataField("tier", {})),
  initialization: await describe(sdk.initialize({ storage: 7 })),
  missing: await describe(sdk.createUser()),
  listener: await describe(sdk.addSdkStatusUpdateListener(7)),
  userId: await sdk.getUserId(),
};
if (outcome.userId !== userInfo.userId) throw new Error("the user is another one");
await sdk.addUserMetadataFields({ tier: "gold", constructor: "x" });
await sdk.setTransmittableDataTypes(["SDK_INFO"]);
await sdk.getSdkStatus();
const heard = [];
await sdk.addSdkStatusUpdateListener(({ userExists }) => heard.push(userExists));
await sdk.reset();
await new Promise((resolve) => setTimeout(resolve, 10));
console.log(JSON.stringify({ ...outcome, heard }));
