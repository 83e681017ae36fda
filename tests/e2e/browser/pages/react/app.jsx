// An app on React: listens while it is shown, and creates its user if there is none.

import { useEffect, useState } from "react";
import * as sdk from "@sentiance-react-native/core";

/** What the test changes, as a developer does who saves a file. */
const REVISION = "first";

/** For the test's own calls. */
window.sdk = sdk;

async function signIn() {
  if (await sdk.userExists()) return;
  try {
    const options = { authCode: await window.askForCode(), platformUrl: window.platformUrl };
    await sdk.createUser(options);
  } catch (error) {
    // The other run of the effect was faster.
    if (!["USER_CREATION_IN_PROGRESS", "USER_ALREADY_EXISTS"].includes(error.reason)) throw error;
  }
}

export function App() {
  const [userId, setUserId] = useState(null);
  useEffect(() => {
    const update = () => sdk.getUserId().then(setUserId);
    const subscription = sdk.addSdkStatusUpdateListener((status) => {
      window.heard.push(status);
      void update();
    });
    void signIn().then(update);
    return () => subscription.remove();
  }, []);
  return (
    <p data-revision={REVISION} data-user={userId}>
      {userId}
    </p>
  );
}
