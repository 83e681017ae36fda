/** What every screen has: a title, a sentence, and a column that scrolls where the phone is small. */
import type { ReactNode } from "react";
import { ScrollView, StyleSheet, Text, View } from "react-native";
import { colors, sizes } from "../theme";

export function Screen({ title, lead, children }: { title: string; lead?: string; children: ReactNode }) {
  return (
    <ScrollView style={styles.page} contentContainerStyle={styles.content}>
      <View role="main" style={styles.column}>
        <Text style={styles.brand}>Roadbook</Text>
        <Text role="heading" aria-level={1} style={styles.title}>
          {title}
        </Text>
        {lead !== undefined && <Text style={styles.lead}>{lead}</Text>}
        {children}
      </View>
    </ScrollView>
  );
}

const styles = StyleSheet.create({
  page: { flex: 1, backgroundColor: colors.background },
  content: { flexGrow: 1, alignItems: "center", paddingVertical: 32, paddingHorizontal: 20 },
  column: { width: "100%", maxWidth: sizes.column, gap: sizes.gap },
  brand: {
    color: colors.accent,
    fontSize: 13,
    fontWeight: "700",
    letterSpacing: 1.5,
    textTransform: "uppercase",
  },
  title: { color: colors.text, fontSize: 30, fontWeight: "700", lineHeight: 36 },
  lead: { color: colors.muted, fontSize: 16, lineHeight: 24 },
});
