/** Asks for the location, where the user sees why, and enables detections. */
import SentianceCore from "@sentiance-react-native/core";
import { Button } from "../components/button";
import { Card, Row } from "../components/card";
import { ErrorNotice } from "../components/notice";
import { Screen } from "../components/screen";
import { askForLocation } from "../location-permission";
import { useTask } from "../use-task";

export function DetectionsScreen({ onEnabled }: { onEnabled: () => void }) {
  const { isRunning, error, run } = useTask();

  const enable = () =>
    run(async () => {
      await askForLocation();
      const { detectionStatus } = await SentianceCore.enableDetections();
      // Without the permission detections are enabled but blocked: the next screen shows that.
      console.log(`Detections are enabled: ${detectionStatus}`);
      onEnabled();
    });

  return (
    <Screen
      title="Record your drives"
      lead="Your browser will ask you once whether it may tell where you are."
    >
      <Card title="What is recorded">
        <Row name="Positions" value="while this page is open" />
        <Row name="Motion" value="where your device has sensors" />
        <Row name="In the background" value="nothing" />
      </Card>
      <ErrorNotice title="Detections are not enabled" error={error} />
      <Button label="Enable detections" isBusy={isRunning} onPress={() => void enable()} />
    </Screen>
  );
}
