/**
 * What a job makes of the queue: in IndexedDB, where all of a job is one transaction, or in a list.
 *
 * In JavaScript, unlike the rest of the driver: a transaction of IndexedDB lives only within its callbacks, and as
 * futures the same was four times the code. What is to be done, and when, the core decides.
 *
 * An entry is `{key, owner, bytes, detail, text}`: `text` is the detection as it will be sent, `bytes` its length in
 * UTF-8, `detail` whether it may be dropped for want of room. Keys grow. The totals stand under the first key. With them
 * is who added last, and in which epoch of the record. A job in another name, and of no later epoch, changes nothing: its
 * response is `{superseded}`, the epoch that is known here, and the core asks the record who is right.
 */

/** The name of the database. */
const NAME = "sentiance.core";
const STORE = "detections";
/** The key of the totals, before that of any entry. */
const TOTALS = 0;
/** What stands before and behind the detections of a batch. */
const HEAD = '{"detections":[';
const TAIL = "]}";
/** How much is dropped of a full queue: so much that a browser notices, and no more than can be done at once. */
const DROPPED = 1 / 4;
const DROPPED_BYTES = 256 * 1024;
/** How often room is made for one job. A browser's own count of what is free lags behind. */
const MAX_ROOM_MAKING = 4;
/** How long the database may take to open, and for one transaction. */
const PATIENCE_MS = 2_000;
/** The versions of the database below this are of this schema: it takes the next one where it was damaged. */
const NEWER = 1_000;
/** An epoch above this was damaged, and counts as none. */
const HIGHEST_EPOCH = 2 ** 30;

/** What opening fails with where there is nothing to be emptied. */
const ABSENT = new Error("there is no database");

/** The connection, and the promise of it. */
let connection;
let opening;
/** The queue, once there was no database: from then on the page does without it. */
let memory;
/** What the totals do not say yet: a browser without room lets entries go, but does not take a note of it. */
let unnoted = sum();

/**
 * Performs a job in IndexedDB. Resolves with the totals `{count, bytes, dropped}`, with `{keys, body}` for a batch, and
 * with `unavailable` where there is no database, so that the queue ends with the page.
 */
export function inDatabase(job) {
  if (job.clear) {
    // Both: the database may hold what was recorded before memory took over.
    const inPage = memory && inMemory(job);
    return clear(job).then((answer) => ({ ...inPage, ...answer }));
  }
  if (memory) return Promise.resolve(inMemory(job));
  return persist(job, MAX_ROOM_MAKING).catch((error) => {
    if (isFull(error)) throw error;
    memory = [];
    return { ...inMemory(job), unavailable: String(error) };
  });
}

function inMemory(job) {
  const { list, answer } = inList(job, memory);
  memory = list;
  return answer;
}

function isFull(error) {
  return error?.name === "QuotaExceededError";
}

function persist(job, triesLeft) {
  return attempt(job).catch((error) => {
    if (!job.add || !isFull(error) || triesLeft === 0) throw error;
    // By itself, since what does not fit undoes what would have made room for it.
    return attempt({ ...job, add: [], makesRoom: true }).then(() => persist(job, triesLeft - 1));
  });
}

/** Empties the database, where there is one. One of a later version is not this version's to empty. */
function clear(job) {
  return Promise.resolve()
    .then(() => (globalThis.indexedDB ? (indexedDB.databases?.() ?? [{ name: NAME }]) : []))
    .then((all) => all.some(({ name }) => name === NAME) && attempt(job))
    .catch((error) => {
      if (error?.name !== "VersionError" && error !== ABSENT) throw error;
    });
}

/** Performs a job in a list that is kept as text. Returns the new text and the answer. */
export function inText(job, text) {
  let list = [];
  try {
    const stored = JSON.parse(text);
    // Of another shape, or cut off: nothing in it could be sent.
    if (stored.every((entry) => entry.bytes >= 0)) list = stored;
  } catch {
    // The same.
  }
  const done = inList(job, list);
  return { ...done.answer, text: JSON.stringify(done.list) };
}

/** Opens the database, which is made where it is not there, unless it is only to be emptied. */
function open(makes, version) {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, version);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      reject(new Error("it does not open"));
    }, PATIENCE_MS);
    request.onupgradeneeded = () => {
      if (makes) request.result.createObjectStore(STORE, { keyPath: "key" });
      else request.transaction.abort();
    };
    request.onerror = () => reject(makes || request.error.name !== "AbortError" ? request.error : ABSENT);
    request.onsuccess = () => {
      clearTimeout(timer);
      if (isLate) return request.result.close();
      connection = request.result;
      // Another tab wants to delete or to mend it, or the browser has closed it.
      connection.onversionchange = connection.onclose = forget;
      resolve(connection);
    };
  }).then((database) => {
    if (database.version >= NEWER) throw new DOMException("a later version made it", "VersionError");
    if (database.objectStoreNames.contains(STORE)) return database;
    forget();
    return open(true, database.version + 1);
  });
  return opening;
}

/** The connection is of no use any more. */
function forget() {
  connection?.close();
  connection = opening = undefined;
}

/** Performs a job; once more with another connection, where the first could be opened and is of no use. */
function attempt(job) {
  return transact(job).catch((error) => {
    if (isFull(error)) throw error;
    const opened = connection;
    forget();
    if (!opened || error.name === "VersionError") throw error;
    return transact(job).catch((again) => {
      if (!isFull(again)) forget();
      throw again;
    });
  });
}

/** One transaction, all of it or nothing. */
function transact(job) {
  return open(!job.clear).then(
    (database) =>
      new Promise((resolve, reject) => {
        const durability = job.vital ? "strict" : "relaxed";
        const transaction = database.transaction(STORE, "readwrite", { durability });
        const store = transaction.objectStore(STORE);
        let answer, failure, noted;
        const timer = setTimeout(() => {
          reject(new Error("a transaction does not end"));
          transaction.abort();
        }, PATIENCE_MS);
        transaction.oncomplete = () => {
          clearTimeout(timer);
          if (!answer) return reject(new Error("a transaction came to nothing"));
          if (noted) unnoted = noted;
          resolve(answer);
        };
        transaction.onabort = () => {
          clearTimeout(timer);
          reject(failure ?? transaction.error ?? new Error("a transaction was aborted"));
        };
        const totals = store.get(TOTALS);
        totals.onsuccess = () => {
          const work = plan(job, sum(totals.result, unnoted));
          if (work.superseded !== undefined) return (answer = { superseded: work.superseded });
          if (job.clear) {
            [answer, noted] = [{}, sum()];
            store.clear();
            return store.put(work.emptied);
          }
          const finish = () => {
            try {
              answer = work.finish();
              if (job.makesRoom) {
                noted = sum(work.totals, totals.result, -1);
              } else if (work.changed()) {
                noted = sum();
                [work.totals, ...work.added].forEach((entry) => store.put(entry));
              }
            } catch (error) {
              failure = error;
              transaction.abort();
            }
          };
          // Most often something is added, and there is room for it.
          if (!work.visits) return finish();
          const cursor = store.openCursor(IDBKeyRange.lowerBound(TOTALS, true));
          cursor.onsuccess = () => {
            const at = cursor.result;
            const goes = at ? work.visit(at.value) : undefined;
            if (goes === undefined) return finish();
            if (goes) at.delete();
            at.continue();
          };
        };
      }),
  );
}

/** Totals with others added, or taken off where `sign` is -1. */
function sum(totals, others, sign = 1) {
  const result = { ...totals };
  for (const name of ["count", "bytes", "dropped"]) {
    result[name] = (totals?.[name] ?? 0) + sign * (others?.[name] ?? 0);
  }
  return result;
}

/** A job in a list, whose first item is the totals. */
function inList(job, list) {
  const work = plan(job, list[0]);
  if (work.superseded !== undefined) return { list, answer: { superseded: work.superseded } };
  if (job.clear) return { list: [work.emptied], answer: {} };
  const kept = [];
  let at = 1;
  for (let goes; at < list.length && (goes = work.visit(list[at])) !== undefined; at++) {
    if (!goes) kept.push(list[at]);
  }
  const answer = work.finish();
  return { list: [work.totals, ...kept, ...list.slice(at), ...work.added], answer };
}

/**
 * What a job does to the entries, which it visits from the oldest on. A job is one of
 * `{owner, epoch, add: [{text, bytes, detail}], limit, vital}`, `{owner, epoch, take: maxBytes, most: maxEntries}`,
 * `{drop: keys}` and `{epoch, clear: true}`.
 */
function plan(job, before) {
  const owner = job.owner ?? null;
  const totals = {
    key: TOTALS,
    count: 0,
    bytes: 0,
    dropped: 0,
    last: 0,
    owner,
    epoch: 0,
    ...before,
  };
  const known = totals.epoch <= HIGHEST_EPOCH ? totals.epoch : 0;
  const isLate = !job.drop && owner !== totals.owner && job.epoch <= known;
  const news = job.add ?? [];
  const newBytes = news.reduce((sum, { bytes }) => sum + bytes, 0);
  const isFull = totals.bytes + newBytes > job.limit;
  const most = job.makesRoom ? totals.bytes : isFull ? job.limit : Infinity;
  const enough = most - Math.min(most * DROPPED, DROPPED_BYTES);
  const left = new Set(job.drop);
  const keys = [];
  const texts = [];
  let length = HEAD.length + TAIL.length;
  let removed = false;
  let oversized = 0;

  const remove = (entry) => {
    totals.count--;
    totals.bytes -= entry.bytes;
    return (removed = true);
  };
  const drop = (entry) => {
    totals.dropped++;
    return remove(entry);
  };
  return {
    totals,
    /** The epoch that is known here, where the job must not be done in the name of its owner. */
    superseded: isLate ? known : undefined,
    /** What is left when all is removed, so that a tab which has not heard of it adds nothing more. */
    emptied: { ...sum(), key: TOTALS, last: totals.last, owner: null, epoch: job.epoch },
    added: [],
    changed: () => removed || news.length > 0,
    /** Whether entries are of any concern. */
    visits: !job.add || totals.bytes + newBytes > enough,
    /** Whether this entry goes; `undefined` where this and all behind it are of no concern. */
    visit(entry) {
      if (job.drop) {
        return left.size ? left.delete(entry.key) && remove(entry) : undefined;
      }
      if (job.add) {
        if (totals.bytes + newBytes <= enough) return undefined;
        return entry.owner === owner ? entry.detail && drop(entry) : remove(entry);
      }
      if (entry.owner !== owner) return remove(entry);
      // Nothing behind it would ever be sent.
      if (HEAD.length + entry.bytes + TAIL.length > job.take) {
        oversized++;
        return drop(entry);
      }
      // One more for the comma.
      if (keys.length >= job.most || length + entry.bytes + 1 > job.take) return undefined;
      length += entry.bytes + 1;
      keys.push(entry.key);
      texts.push(entry.text);
      return false;
    },
    /** Adds what is new, and returns the answer. Throws where there is no room for it. */
    finish() {
      if (newBytes && totals.bytes + newBytes > job.limit)
        throw { name: "QuotaExceededError", message: "the queue is full" };
      for (const entry of news) {
        // By the clock, so that a key is not used again in a queue that was cleared: another tab might remove it.
        totals.last = Math.max(Date.now(), totals.last + 1);
        totals.count++;
        totals.bytes += entry.bytes;
        totals.owner = owner;
        totals.epoch = Math.max(job.epoch, known);
        this.added.push({ ...entry, key: totals.last, owner });
      }
      const { count, bytes, dropped } = totals;
      return { count, bytes, dropped, oversized, keys, body: HEAD + texts.join() + TAIL };
    },
  };
}
