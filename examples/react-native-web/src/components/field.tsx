/** A line of text that the user fills in, under its name. */
import { StyleSheet, Text, TextInput, View } from "react-native";
import { colors } from "../theme";

interface FieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  onSubmit: () => void;
  isSecret?: boolean;
}

export function Field({ label, value, onChange, onSubmit, isSecret = false }: FieldProps) {
  return (
    <View style={styles.field}>
      <Text style={styles.label}>{label}</Text>
      <TextInput
        aria-label={label}
        value={value}
        onChangeText={onChange}
        onSubmitEditing={onSubmit}
        secureTextEntry={isSecret}
        autoCapitalize="none"
        autoComplete={isSecret ? "current-password" : "username"}
        style={styles.input}
      />
    </View>
  );
}

const styles = StyleSheet.create({
  field: { gap: 6 },
  label: { color: colors.muted, fontSize: 14, fontWeight: "500" },
  input: {
    minHeight: 48,
    paddingHorizontal: 14,
    borderColor: colors.line,
    borderRadius: 12,
    borderWidth: 1,
    color: colors.text,
    fontSize: 17,
  },
});
