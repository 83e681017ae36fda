/** Signs out: removes the user from this device, after asking. */
import SentianceCore from "@sentiance-react-native/core";
import { Button } from "../components/button";
import { ErrorNotice } from "../components/notice";
import { Screen } from "../components/screen";
import { useTask } from "../use-task";

export function ResetScreen({ onReset, onCancel }: { onReset: () => void; onCancel: () => void }) {
  const { isRunning, error, run } = useTask();

  const reset = () =>
    run(async () => {
      const { initState } = await SentianceCore.reset();
      console.log(`After the reset: ${initState}`);
      onReset();
    });

  return (
    <Screen
      title="Sign out?"
      lead="Your user is removed from this device. When you sign in again, you get the same one back."
    >
      <ErrorNotice title="You are still signed in" error={error} />
      <Button label="Reset" kind="danger" isBusy={isRunning} onPress={() => void reset()} />
      <Button label="Stay signed in" kind="plain" onPress={onCancel} />
    </Screen>
  );
}
