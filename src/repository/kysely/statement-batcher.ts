import { DragonpayError } from '../../errors.js';

/**
 * Sends one statement for any number of members, at most one for each id. Resolves to the results by id; a member
 * without a result is busy.
 */
export type SendBatch<Member, Result> = (members: readonly Member[]) => Promise<ReadonlyMap<string, Result>>;

/** The facts that a batcher must know about the database. */
export interface BatchedDatabase {
  /**
   * Whether the error says that the database refused a statement and stored nothing of it. After any other error, the
   * statement may be stored, and a second try would take its own callbacks for duplicates.
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

/** A statement under way. Each has its own Set: a common one would be rehashed at each change, which costs time. */
interface Statement {
  readonly ids: ReadonlySet<string>;
  readonly sentAt: number;
}

/** A statement that takes longer than this, in milliseconds, does not hold up the next statement any more. */
const slowMilliseconds = 50;
const mostInFlight = 8;
/**
 * A member that has less time left than this, in milliseconds, is not sent: timers may be early, and its result would
 * be late.
 */
const leastMilliseconds = 10;

/**
 * Lets callbacks that arrive while a statement is under way share the next one. Alone, a callback is sent at once. Only
 * a slow statement needs a timer, after which the next one is sent. Callbacks of one id keep their order, whether they
 * share a statement or not.
 *
 * If a statement blocks the event loop, nothing can arrive while it runs. It is then sent at the end of a turn of the
 * loop, so that all callbacks that arrived in that turn share it.
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
   * @param onIdle called when the last statement has ended and nothing waits
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

  /**
   * Answers late members at the head of the queue before they are taken. Late members further back are not taken
   * either.
   */
  #dropLate(): void {
    while (this.#waiting[0] !== undefined && isLate(this.#waiting[0])) this.#waiting.shift()?.reject(tooLate());
  }

  #flush(): void {
    if (this.#waiting.length === 0 || this.#inFlight.length >= mostInFlight) return;
    // Only the statement that was sent last counts: after it was sent past a slow one, the slow one must not hold up
    // the next.
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
      // Nothing waits at this point: all members were sent or answered.
      if (this.#inFlight.length === 0) this.#onIdle();
    });
  }

  /** Sends the next statement later. Needed because nothing may arrive or end while a statement is slow. */
  #flushLater(milliseconds: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, milliseconds);
  }

  /** Takes the members that wait longest: only one for each id, none whose id is under way, and none that is late. */
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
        // One member may have caused the error. Each is tried alone, so that only this one fails.
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
