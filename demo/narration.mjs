// How the demo tells what it does.

let steps = 0;

/** Says what is done next. */
export function step(text) {
  steps += 1;
  console.log(`\n${steps}. ${text}`);
}

/** Says what came of it. */
export function result(text) {
  console.log(`   -> ${text}`);
}

/** Ends the demo where something that it has promised is not so. */
export function check(isSo, promise) {
  if (!isSo) throw new Error(`in step ${steps} it is not so that ${promise}`);
}

/** The beginning of a secret: enough to recognize it, too little to use it. */
export function shortened(secret) {
  return `${secret.slice(0, 8)}...`;
}
