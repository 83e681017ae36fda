/** Colours and sizes that the whole app shares. */

export const colors = {
  background: "#f3f5f9",
  card: "#ffffff",
  line: "#e4e8f0",
  text: "#101828",
  muted: "#5d6b82",
  accent: "#1d4ed8",
  accentPressed: "#1e3a8a",
  onAccent: "#ffffff",
  good: "#067647",
  goodBackground: "#dcfae6",
  warning: "#93370d",
  warningBackground: "#fef0c7",
  bad: "#b42318",
  badPressed: "#912018",
  badBackground: "#fee4e2",
};

export const sizes = { gap: 16, radius: 16, column: 440 };
