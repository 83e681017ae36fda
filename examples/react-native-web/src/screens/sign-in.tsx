/** Signs in to the app, and creates the Sentiance user of the person on this device. */
import { useState } from "react";
import SentianceCore from "@sentiance-react-native/core";
import { fetchAuthCode } from "../backend";
import { Button } from "../components/button";
import { Card } from "../components/card";
import { Field } from "../components/field";
import { ErrorNotice } from "../components/notice";
import { Screen } from "../components/screen";
import { useTask } from "../use-task";

export function SignInScreen({ onUserCreated }: { onUserCreated: () => void }) {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const { isRunning, error, run } = useTask();

  const signIn = () =>
    run(async () => {
      // A code is good once and for minutes only: a new one for each try.
      const { auth_code, platform_url } = await fetchAuthCode(username, password);
      const { userInfo } = await SentianceCore.createUser({ authCode: auth_code, platformUrl: platform_url });
      console.log(`Created a user with ID: ${userInfo.userId}`);
      onUserCreated();
    });

  return (
    <Screen title="Sign in" lead="Your Sentiance user is created on this device, or restored if you had one.">
      <Card>
        <Field label="Name" value={username} onChange={setUsername} onSubmit={() => void signIn()} />
        <Field
          label="Password"
          value={password}
          onChange={setPassword}
          onSubmit={() => void signIn()}
          isSecret
        />
      </Card>
      <ErrorNotice title="You are not signed in" error={error} />
      <Button label="Create user" isBusy={isRunning} onPress={() => void signIn()} />
    </Screen>
  );
}
