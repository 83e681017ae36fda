// Medians, and how they are printed.

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** The median with its range, such as `12.3 ms (11.9 to 14.0, 10 runs)`. */
export function summary(values, unit) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(1)} ${unit} (${low.toFixed(1)} to ${high.toFixed(1)}, ${values.length} runs)`;
}
