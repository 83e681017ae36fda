// Bounds every wait: a test that hangs says what it waited for.

const DEFAULT_MS = 30_000;

/** Settles as `promise` does, or rejects after `ms` with an error that names `what`. */
export async function within(what, promise, ms = DEFAULT_MS) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing happened within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `probe` again and again until its answer is truthy, and returns that answer. */
export async function eventually(what, probe, ms = DEFAULT_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: still not so after ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
