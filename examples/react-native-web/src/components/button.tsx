/** A button as wide as the screen, which shows that it is at work. */
import { ActivityIndicator, Pressable, StyleSheet, Text } from "react-native";
import { colors, sizes } from "../theme";

interface ButtonProps {
  label: string;
  onPress: () => void;
  isBusy?: boolean;
  /** `primary` is what most people want on this screen, `danger` takes something away. */
  kind?: "primary" | "plain" | "danger";
}

export function Button({ label, onPress, isBusy = false, kind = "primary" }: ButtonProps) {
  const { background, pressed, border, text } = KINDS[kind];
  return (
    <Pressable
      role="button"
      aria-label={label}
      disabled={isBusy}
      onPress={onPress}
      style={(state) => [
        styles.button,
        { backgroundColor: state.pressed ? pressed : background, borderColor: border },
      ]}
    >
      {isBusy ? (
        <ActivityIndicator color={text} />
      ) : (
        <Text style={[styles.label, { color: text }]}>{label}</Text>
      )}
    </Pressable>
  );
}

const KINDS = {
  primary: {
    background: colors.accent,
    pressed: colors.accentPressed,
    border: colors.accent,
    text: colors.onAccent,
  },
  plain: { background: colors.card, pressed: colors.line, border: colors.line, text: colors.text },
  danger: { background: colors.bad, pressed: colors.badPressed, border: colors.bad, text: colors.onAccent },
};

const styles = StyleSheet.create({
  button: {
    minHeight: 52,
    alignItems: "center",
    justifyContent: "center",
    borderRadius: sizes.radius,
    borderWidth: 1,
    paddingHorizontal: 20,
  },
  label: { fontSize: 17, fontWeight: "600" },
});
