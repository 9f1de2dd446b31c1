import { DragonpayError } from '../../errors.js';

/**
 * Sends one statement for any number of members, at most one for each id. Resolves to the results by id; a member
 * without a result is busy.
 */
export type SendBatch<Member, Result> = (members: readonly Member[]) => Promise<ReadonlyMap<string, Result>>;

/** What a batcher must know of the database. */
export interface BatchedDatabase {
  /**
   * Whether the database said that it refused a statement and stored nothing of it. After any other error the statement
   * may be stored, and a second try would take its callbacks for earlier ones.
   */
  wasRefused(error: unknown): boolean;
  /** Whether a statement blocks the event loop, because the database runs in this process. */
  readonly blocks?: boolean;
}

interface Waiting<Member, Result> {
  readonly id: string;
  readonly member: Member;
  /** The time at which its callback is answered without the result, on the clock of `performance.now()`. */
  readonly startBy: number;
  readonly resolve: (result: Result | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** A statement under way. Each has a Set of its own: one for all would be rehashed at each change, which costs time. */
interface Statement {
  readonly ids: ReadonlySet<string>;
  readonly sentAt: number;
}

/** A statement that takes longer than this, in milliseconds, no longer holds up the next one. */
const slowMilliseconds = 50;
const mostInFlight = 8;
/** A member that has less time left, in milliseconds, is not sent: timers may be early, and its result would be late. */
const leastMilliseconds = 10;

/**
 * Lets callbacks that arrive while a statement is under way share the next one. Alone, a callback is sent at once. A
 * timer runs only past a slow statement. Callbacks of one id keep their order, in one statement or in two.
 *
 * Where a statement blocks the event loop, nothing can arrive while it runs. Then it is sent at the end of a turn of the
 * loop, so that all callbacks that arrived meanwhile share it.
 */
export class StatementBatcher<Member, Result> {
  readonly #send: SendBatch<Member, Result>;
  readonly #most: number;
  readonly #database: BatchedDatabase;
  readonly #onIdle: () => void;
  #waiting: Waiting<Member, Result>[] = [];
  #inFlight: Statement[] = [];
  #isScheduled = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param most how many callbacks may share a statement
   * @param onIdle called when nothing waits and nothing is under way any more
   */
  constructor(send: SendBatch<Member, Result>, most: number, database: BatchedDatabase, onIdle: () => void = () => {}) {
    this.#send = send;
    this.#most = most;
    this.#database = database;
    this.#onIdle = onIdle;
  }

  /**
   * Resolves to the result, or to `undefined` for a member whose row is locked. A member that was not sent before
   * `startBy` leaves the queue: its callback was answered, and must not be stored long after.
   * @throws DragonpayError `unstored` for a member that left the queue
   */
  add(id: string, member: Member, startBy = Number.POSITIVE_INFINITY): Promise<Result | undefined> {
    return new Promise((resolve, reject) => {
      this.#dropLate();
      this.#waiting.push({ id, member, startBy, resolve, reject });
      if (this.#database.blocks) this.#schedule();
      else this.#flush();
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  /** Answers those at the head early. One that is late behind another is not taken either. */
  #dropLate(): void {
    while (this.#waiting[0] !== undefined && isLate(this.#waiting[0])) this.#waiting.shift()?.reject(tooLate());
  }

  #flush(): void {
    if (this.#waiting.length === 0 || this.#inFlight.length >= mostInFlight) return;
    // Only the youngest counts: a slow statement must not hold up what comes after those that were sent past it.
    const youngest = Math.max(...this.#inFlight.map(({ sentAt }) => sentAt));
    const left = youngest + slowMilliseconds - performance.now();
    if (left > 0) {
      this.#flushLater(left);
      return;
    }
    const { batch, ids } = this.#takeBatch();
    if (batch.length === 0) return;
    const statement = { ids, sentAt: performance.now() };
    this.#inFlight.push(statement);
    void this.#settle(batch).finally(() => {
      this.#inFlight = this.#inFlight.filter((other) => other !== statement);
      this.#flush();
      // Nothing waits then: what waited was sent, or answered.
      if (this.#inFlight.length === 0) this.#onIdle();
    });
  }

  /** Nothing else may arrive or end while a statement is slow. */
  #flushLater(milliseconds: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, milliseconds);
  }

  /** Takes those that wait longest, but only one for each id, none whose id is under way, and none that is late. */
  #takeBatch(): { readonly batch: readonly Waiting<Member, Result>[]; readonly ids: ReadonlySet<string> } {
    const batch: Waiting<Member, Result>[] = [];
    const left: Waiting<Member, Result>[] = [];
    const ids = new Set<string>();
    for (const waiting of this.#waiting) {
      const { id } = waiting;
      if (isLate(waiting)) {
        waiting.reject(tooLate());
      } else if (batch.length >= this.#most || ids.has(id) || this.#inFlight.some((others) => others.ids.has(id))) {
        left.push(waiting);
      } else {
        ids.add(id);
        batch.push(waiting);
      }
    }
    this.#waiting = left;
    return { batch, ids };
  }

  /** Never rejects: the promise of each member is settled on its own. */
  async #settle(batch: readonly Waiting<Member, Result>[]): Promise<void> {
    try {
      const results = await this.#send(batch.map(({ member }) => member));
      for (const { id, resolve } of batch) resolve(results.get(id));
    } catch (error) {
      if (batch.length > 1 && this.#database.wasRefused(error)) {
        // One member may be at fault: each is tried alone, so that it fails alone.
        for (const member of batch) {
          if (isLate(member)) member.reject(tooLate());
          else await this.#settle([member]);
        }
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }
}

function isLate({ startBy }: { readonly startBy: number }): boolean {
  return startBy <= performance.now() + leastMilliseconds;
}

/** The error of a callback that did not get its turn before it was answered. */
export function tooLate(): DragonpayError {
  return new DragonpayError('unstored', 'the statement was not sent to the database in time');
}
