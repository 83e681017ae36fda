/** The app: which screen is shown, and where each one leads. */
import { useCallback, useState } from "react";
import SentianceCore from "@sentiance-react-native/core";
import { DashboardScreen } from "./screens/dashboard";
import { DetectionsScreen } from "./screens/detections";
import { InitializationScreen } from "./screens/initialization";
import { ResetScreen } from "./screens/reset";
import { SignInScreen } from "./screens/sign-in";

type ScreenName = "initialization" | "sign-in" | "detections" | "dashboard" | "reset";

export function App() {
  const [screen, setScreen] = useState<ScreenName>("initialization");
  const start = useCallback(async () => setScreen(await firstScreen()), []);
  switch (screen) {
    case "initialization":
      return <InitializationScreen onInitialized={start} />;
    case "sign-in":
      return <SignInScreen onUserCreated={() => setScreen("detections")} />;
    case "detections":
      return <DetectionsScreen onEnabled={() => setScreen("dashboard")} />;
    case "dashboard":
      return <DashboardScreen onSignOut={() => setScreen("reset")} />;
    case "reset":
      // The SDK stays initialized: the next user can be created right away.
      return <ResetScreen onReset={() => setScreen("sign-in")} onCancel={() => setScreen("dashboard")} />;
  }
}

/** Where the app goes on that was closed: the SDK has kept the user, and whether detections are enabled. */
async function firstScreen(): Promise<ScreenName> {
  if (!(await SentianceCore.userExists())) return "sign-in";
  const { detectionStatus } = await SentianceCore.getSdkStatus();
  return detectionStatus === "DISABLED" ? "detections" : "dashboard";
}
