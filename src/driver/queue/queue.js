/**
 * What a job makes of the queue: in IndexedDB, where all of a job is one transaction, or in a list.
 *
 * In JavaScript, unlike the rest of the driver: a transaction of IndexedDB lives only within its callbacks, and as
 * futures the same was four times the code. What is to be done, and when, the core decides.
 *
 * An entry is `{key, owner, bytes, detail, text}`: `text` is the detection as it will be sent, `bytes` its length in
 * UTF-8, `detail` whether it may be dropped for want of room. Keys grow. The totals stand under the first key. With them
 * is who added last, and in which epoch of the record: a tab that does not know yet that another user has come to the
 * device changes nothing of what is theirs.
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
/** How long the database may take to open. */
const OPEN_MS = 2_000;

/** The promise of a connection. */
let opening;
/** The queue, once there was no database: from then on the page does without it. */
let memory;
/** What the totals do not say yet: a browser without room lets entries go, but does not take a note of it. */
let unnoted = sum();

/**
 * Performs a job in IndexedDB. Resolves with its answer: the totals `{count, bytes, dropped}`, with `{keys, body}` for
 * a batch, and with `unavailable` where there is no database, so that the queue ends with the page.
 */
export function inDatabase(job) {
  return open().then(
    () => persist(job, MAX_ROOM_MAKING),
    (error) => {
      const { list, answer } = inList(job, memory ?? []);
      memory = list;
      return { ...answer, unavailable: String(error) };
    },
  );
}

function persist(job, triesLeft) {
  return attempt(job).catch((error) => {
    if (!job.add || error.name !== "QuotaExceededError" || triesLeft === 0) throw error;
    // By itself, since what does not fit undoes what would have made room for it.
    return attempt({ ...job, add: [], makesRoom: true }).then(() => persist(job, triesLeft - 1));
  });
}

/** Performs a job in a list that is kept as text. Returns the new text and the answer. */
export function inText(job, text) {
  let list = [];
  try {
    list = JSON.parse(text) ?? list;
  } catch {
    // Nothing in it could be sent.
  }
  const done = inList(job, list);
  return { ...done.answer, text: JSON.stringify(done.list) };
}

/** Removes everything, unless something was added in a later epoch. */
export function clearDatabase(epoch) {
  memory &&= [];
  unnoted = sum();
  return open().then(
    (database) =>
      new Promise((resolve, reject) => {
        const transaction = database.transaction(STORE, "readwrite");
        const store = transaction.objectStore(STORE);
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error);
        const totals = store.get(TOTALS);
        totals.onsuccess = () => {
          if (!(totals.result?.epoch > epoch)) store.clear();
        };
      }),
  );
}

function open() {
  opening ??= new Promise((resolve, reject) => {
    if (memory) throw new Error("it could not be opened before");
    const request = indexedDB.open(NAME, 1);
    const timer = setTimeout(() => reject(new Error("it does not open")), OPEN_MS);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      clearTimeout(timer);
      const database = request.result;
      // Another tab wants to delete it, or the browser has closed it.
      database.onversionchange = database.onclose = () => {
        database.close();
        opening = undefined;
      };
      resolve(database);
    };
  });
  opening.catch(() => (opening = undefined));
  return opening;
}

/** One transaction, all of it or nothing. */
function attempt(job) {
  return open().then(
    (database) =>
      new Promise((resolve, reject) => {
        const durability = job.vital ? "strict" : "relaxed";
        const transaction = database.transaction(STORE, "readwrite", { durability });
        const store = transaction.objectStore(STORE);
        let answer, failure, noted;
        transaction.oncomplete = () => {
          if (noted) unnoted = noted;
          resolve(answer);
        };
        transaction.onabort = () => reject(failure ?? transaction.error);
        const totals = store.get(TOTALS);
        totals.onsuccess = () => {
          const work = plan(job, sum(totals.result, unnoted));
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
 * `{owner, epoch, add: [{text, bytes, detail}], limit, vital}`, `{owner, epoch, take: maxBytes, most: maxEntries}` and `{drop: keys}`.
 */
function plan(job, before) {
  const totals = {
    key: TOTALS,
    count: 0,
    bytes: 0,
    dropped: 0,
    last: 0,
    owner: job.owner,
    epoch: 0,
    ...before,
  };
  const isLate = job.owner !== totals.owner && job.epoch < totals.epoch;
  const news = isLate ? [] : (job.add ?? []);
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
    added: [],
    changed: () => removed || news.length > 0,
    /** Whether entries are of any concern. */
    visits: !job.add || totals.bytes + newBytes > enough,
    /** Whether this entry goes; `undefined` where this and all behind it are of no concern. */
    visit(entry) {
      if (isLate) return undefined;
      if (job.drop) {
        return left.size ? left.delete(entry.key) && remove(entry) : undefined;
      }
      if (job.add) {
        if (totals.bytes + newBytes <= enough) return undefined;
        return entry.owner === job.owner ? entry.detail && drop(entry) : remove(entry);
      }
      if (entry.owner !== job.owner) return remove(entry);
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
      if (newBytes && totals.bytes + newBytes > job.limit) throw new Error("the queue is full");
      for (const entry of news) {
        // By the clock, so that a key is not used again in a queue that was cleared: another tab might remove it.
        totals.last = Math.max(Date.now(), totals.last + 1);
        totals.count++;
        totals.bytes += entry.bytes;
        totals.owner = job.owner;
        totals.epoch = Math.max(job.epoch, totals.epoch);
        this.added.push({ ...entry, key: totals.last, owner: job.owner });
      }
      const { count, bytes, dropped } = totals;
      return { count, bytes, dropped, oversized, keys, body: HEAD + texts.join() + TAIL };
    },
  };
}
