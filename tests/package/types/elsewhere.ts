// What the programs use of a runtime whose types are not those of browsers.

export {};

declare global {
  const console: { log(...what: unknown[]): void; warn(text: string): void };
}
