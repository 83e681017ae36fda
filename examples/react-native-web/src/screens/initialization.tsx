/** The first screen: nothing else is shown until the SDK is initialized. */
import { useCallback, useEffect } from "react";
import { ActivityIndicator } from "react-native";
import SentianceCore, { SdkInitializationError } from "@sentiance-react-native/core";
import { Button } from "../components/button";
import { Notice } from "../components/notice";
import { Screen } from "../components/screen";
import { errorText } from "../error-text";
import { colors } from "../theme";
import { useTask } from "../use-task";

export function InitializationScreen({ onInitialized }: { onInitialized: () => Promise<void> }) {
  const { error, run } = useTask();
  const initialize = useCallback(
    () =>
      run(async () => {
        await SentianceCore.ensureInitialized();
        await onInitialized();
      }),
    [run, onInitialized],
  );
  useEffect(() => void initialize(), [initialize]);

  if (error === undefined) {
    return (
      <Screen title="One moment" lead="The SDK is starting.">
        <ActivityIndicator color={colors.accent} size="large" />
      </Screen>
    );
  }
  return (
    <Screen title="The SDK didn't start">
      <Notice kind="bad" title={reasonOf(error)} text={errorText(error)} />
      <Button label="Try again" onPress={() => void initialize()} />
    </Screen>
  );
}

function reasonOf(error: unknown): string {
  return error instanceof SdkInitializationError ? error.reason : "UNKNOWN";
}
