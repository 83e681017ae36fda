/** Shows the user and the SDK's status, which is kept up to date by its listener. */
import { useEffect, useState } from "react";
import SentianceCore, { type SdkStatus } from "@sentiance-react-native/core";
import { Button } from "../components/button";
import { Card, Row } from "../components/card";
import { ErrorNotice, Notice } from "../components/notice";
import { Screen } from "../components/screen";
import { useSdkStatus } from "../use-sdk-status";
import { useTask } from "../use-task";

export function DashboardScreen({ onSignOut }: { onSignOut: () => void }) {
  const { status, error } = useSdkStatus();
  const { userId, initState, version } = useSdkFacts();
  const enabling = useTask();
  const enable = () => enabling.run(async () => void (await SentianceCore.enableDetections()));

  return (
    <Screen title="Your drives">
      <ErrorNotice title="The status is not known" error={error} />
      <ErrorNotice title="Detections are not enabled" error={enabling.error} />
      {status && <DetectionNotice status={status} />}
      <Card title="User">
        <Row name="User ID" value={userId} testID="user-id" />
        <Row name="SDK" value={`${version}, ${initState}`} testID="init-state" />
      </Card>
      {status && <StatusCard status={status} />}
      {status && isStopped(status) && (
        <Button label="Enable detections" isBusy={enabling.isRunning} onPress={() => void enable()} />
      )}
      <Button label="Sign out" kind="plain" onPress={onSignOut} />
    </Screen>
  );
}

function DetectionNotice({ status }: { status: SdkStatus }) {
  const isDetecting = status.detectionStatus === "ENABLED_AND_DETECTING";
  return (
    <Notice
      kind={isDetecting ? "good" : "warning"}
      title={status.detectionStatus}
      text={explanation(status)}
    />
  );
}

function StatusCard({ status }: { status: SdkStatus }) {
  return (
    <Card title="Status">
      <Row name="Can detect" value={yesOrNo(status.canDetect)} />
      <Row name="Location permission" value={status.locationPermission} />
      <Row name="Enabled by the platform" value={yesOrNo(status.isRemoteEnabled)} />
      <Row name="Accelerometer" value={yesOrNo(status.isAccelPresent)} />
      <Row name="Disk quota" value={status.diskQuotaStatus} />
      <Row name="Wi-Fi quota" value={status.wifiQuotaStatus} />
      <Row name="Mobile quota" value={status.mobileQuotaStatus} />
    </Card>
  );
}

/** What does not change while this screen is shown. */
function useSdkFacts() {
  const [facts, setFacts] = useState({ userId: "…", initState: "…", version: "…" });
  useEffect(() => {
    Promise.all([SentianceCore.getUserId(), SentianceCore.getInitState(), SentianceCore.getVersion()]).then(
      ([userId, initState, version]) => setFacts({ userId, initState, version }),
      (error: unknown) => console.error(error),
    );
  }, []);
  return facts;
}

function isStopped({ detectionStatus }: SdkStatus): boolean {
  return detectionStatus === "DISABLED" || detectionStatus === "EXPIRED";
}

function explanation(status: SdkStatus): string {
  if (status.detectionStatus === "ENABLED_AND_DETECTING")
    return "Drives are recorded while this page is open.";
  if (isStopped(status)) return "Nothing is recorded.";
  if (!status.isRemoteEnabled) return "You are signed in on another device, or were disabled.";
  if (!status.isPreciseLocationAuthorizationGranted)
    return "Allow this page to use your location in the browser's settings.";
  if (status.diskQuotaStatus === "EXCEEDED") return "Too much waits to be sent.";
  return "Something that detections need is missing.";
}

function yesOrNo(value: boolean): string {
  return value ? "yes" : "no";
}
