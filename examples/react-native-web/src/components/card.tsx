/** A white card, and the rows of names and values in it. */
import type { ReactNode } from "react";
import { StyleSheet, Text, View } from "react-native";
import { colors, sizes } from "../theme";

export function Card({ title, children }: { title?: string; children: ReactNode }) {
  return (
    <View style={styles.card}>
      {title !== undefined && (
        <Text role="heading" aria-level={2} style={styles.title}>
          {title}
        </Text>
      )}
      {children}
    </View>
  );
}

export function Row({ name, value, testID }: { name: string; value: string; testID?: string }) {
  return (
    <View style={styles.row}>
      <Text style={styles.name}>{name}</Text>
      <Text selectable style={styles.value} {...(testID !== undefined && { testID })}>
        {value}
      </Text>
    </View>
  );
}

const styles = StyleSheet.create({
  card: {
    gap: 12,
    padding: 20,
    borderRadius: sizes.radius,
    backgroundColor: colors.card,
    borderColor: colors.line,
    borderWidth: 1,
  },
  title: { color: colors.text, fontSize: 17, fontWeight: "600" },
  row: { flexDirection: "row", justifyContent: "space-between", gap: 16 },
  name: { color: colors.muted, fontSize: 15, lineHeight: 22 },
  value: {
    flexShrink: 1,
    color: colors.text,
    fontSize: 15,
    fontWeight: "500",
    lineHeight: 22,
    textAlign: "right",
  },
});
