/** A coloured box with a short message: how things stand, or what went wrong. */
import { StyleSheet, Text, View } from "react-native";
import { errorText } from "../error-text";
import { colors, sizes } from "../theme";

interface NoticeProps {
  kind: "good" | "warning" | "bad";
  title: string;
  text?: string | undefined;
}

export function Notice({ kind, title, text }: NoticeProps) {
  const { color, backgroundColor } = KINDS[kind];
  return (
    <View role={kind === "bad" ? "alert" : "status"} style={[styles.notice, { backgroundColor }]}>
      <Text style={[styles.title, { color }]}>{title}</Text>
      {text !== undefined && <Text style={[styles.text, { color }]}>{text}</Text>}
    </View>
  );
}

/** Shows an error; nothing where there is none. */
export function ErrorNotice({ title, error }: { title: string; error: unknown }) {
  return error === undefined ? null : <Notice kind="bad" title={title} text={errorText(error)} />;
}

const KINDS = {
  good: { color: colors.good, backgroundColor: colors.goodBackground },
  warning: { color: colors.warning, backgroundColor: colors.warningBackground },
  bad: { color: colors.bad, backgroundColor: colors.badBackground },
};

const styles = StyleSheet.create({
  notice: { gap: 4, padding: 16, borderRadius: sizes.radius },
  title: { fontSize: 16, fontWeight: "700" },
  text: { fontSize: 14, lineHeight: 20 },
});
