/**
 * The user's file in Node, which several processes and threads may use at once.
 *
 * A write goes to a new file of a random name, which then replaces the old one: a crash leaves the old text or the new
 * one, and a link that somebody has put there is replaced and not followed. A lock is a file beside it that only one can
 * create. It holds who created it and until when it counts, so that a lock whose owner was killed is broken at once.
 */

/** The lock under which the record and its documents are written, as `storage/mod.rs` names it. */
const COMMIT = "sentiance.core.commit";
/** The longest that any lock counts: more means that the clock was set, or the file forged. */
const LONGEST_MS = 700_000;
/** How old a lock may be that says nothing: its owner was stopped between creating and writing it. */
const BLANK_MS = 5_000;
/** How often a lock that is not valid is broken in one attempt. */
const MOST_TRIES = 3;
/** The longest pause between two looks at a lock that is held. */
const LOOK_MS = 30;

/** Opens the file at `path`, or returns `undefined` where the runtime has no files. */
export function openFile(path) {
  const { process } = globalThis;
  const builtin = (name) => process?.getBuiltinModule?.(name);
  const fs = builtin("node:fs");
  if (!fs) return undefined;
  const host = builtin("node:os").hostname();
  /** The tokens of the locks that are held, by key. */
  const held = new Map();

  // The record has the path itself, anything else stands beside it.
  const fileOf = (key) => path + key.replace(/^sentiance\.core(?=$|\.)|^/, (prefix) => (prefix ? "" : "."));
  const lockOf = (key) => `${fileOf(key)}.lock`;
  const temporary = (token) => `${path}.${token}.tmp`;
  const unless = (code, action) => {
    try {
      return action();
    } catch (error) {
      if (error.code !== code) throw error;
      return undefined;
    }
  };
  const read = (file) => unless("ENOENT", () => fs.readFileSync(file, "utf8"));
  const remove = (file) => unless("ENOENT", () => fs.unlinkSync(file));
  const owns = (key, token) => Boolean(read(lockOf(key))?.startsWith(token));

  const isAlive = (pid) => {
    try {
      // Sends nothing: https://nodejs.org/api/process.html#processkillpid-signal
      return process.kill(pid, 0);
    } catch (error) {
      return error.code !== "ESRCH";
    }
  };
  const isValid = (text, file) => {
    const [, pid, until, owner] = text.split(" ");
    if (!owner) return unless("ENOENT", () => Date.now() - fs.statSync(file).mtimeMs < BLANK_MS);
    const left = until - Date.now();
    return left > 0 && left < LONGEST_MS && (owner !== host || isAlive(Number(pid)));
  };
  /** Removes a lock that is not valid. Returns whether there may be none now. */
  const breaks = (file) => {
    const text = read(file);
    if (text === undefined) return true;
    if (isValid(text, file)) return false;
    // Moved first: of several who break it only one has it then, and if it is another's by now, it is put back.
    const aside = `${file}.${crypto.randomUUID()}`;
    if (unless("ENOENT", () => fs.renameSync(file, aside) ?? true)) {
      const [token] = text.split(" ");
      if (read(aside) !== text) unless("EEXIST", () => fs.linkSync(aside, file));
      else if (/^[\da-f-]{36}$/.test(token)) remove(temporary(token));
      remove(aside);
    }
    return true;
  };

  const isLocked = (key) => {
    const text = read(lockOf(key));
    return text !== undefined && Boolean(isValid(text, lockOf(key)));
  };
  /**
   * Takes a lock for `ms` at most. Returns the function that gives it back, `null` where another has it, `undefined` where
   * no lock can be had: a folder that can't be written to.
   */
  const lock = (key, ms) => {
    const file = lockOf(key);
    const token = crypto.randomUUID();
    const release = () => {
      process.off("exit", release);
      if (held.get(key) === token) held.delete(key);
      if (owns(key, token)) remove(file);
    };
    try {
      for (let left = MOST_TRIES; left > 0; left--) {
        const options = { flag: "wx", mode: 0o600 };
        const text = `${token} ${process.pid} ${Date.now() + ms} ${host}`;
        if (unless("EEXIST", () => fs.writeFileSync(file, text, options) ?? true)) {
          held.set(key, token);
          process.on("exit", release);
          return release;
        }
        if (!breaks(file)) break;
      }
      return null;
    } catch {
      // What is to be written will fail too, and say why. A lock without its text, since the disk is full, grows old.
      return undefined;
    }
  };
  /** Looks until `probe` finds something, for `ms` at most, at irregular intervals: else those who wait meet again. */
  const until = async (probe, ms) => {
    for (const end = Date.now() + ms; ;) {
      const found = probe();
      if (found !== null || Date.now() > end) return found;
      await new Promise((resolve) => setTimeout(resolve, 1 + LOOK_MS * Math.random()));
    }
  };

  return {
    getItem: (key) => read(fileOf(key)),
    removeItem: (key) => remove(fileOf(key)),
    setItem(key, text) {
      const token = held.get(COMMIT);
      const fresh = temporary(token ?? crypto.randomUUID());
      try {
        fs.writeFileSync(fresh, text, { flag: "wx", mode: 0o600, flush: true });
        // A process that was stopped for longer than its lock counts must not overwrite what came since.
        if (token && !owns(COMMIT, token)) throw new Error("another process has taken over the file");
        fs.renameSync(fresh, fileOf(key));
      } catch (error) {
        remove(fresh);
        throw error;
      }
    },
    lock,
    isLocked,
    /** The same, waiting for `patience` milliseconds: a promise. */
    hold: (key, ms, patience) => until(() => lock(key, ms), patience),
    /** Waits until no process has that lock, for `ms` at most. */
    whenFree: (key, ms) => until(() => (isLocked(key) ? null : true), ms),
  };
}
