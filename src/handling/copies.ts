import { DragonpayError } from '../errors.js';
import type { CallbackUpdate } from '../model/callback-update.js';
import { type VerifiedCallback, withCopies } from '../model/verified-callback.js';
import { toEventKey } from '../repository/event-key.js';

/**
 * The maximum number of copies that wait for one callback. Dragonpay sends them one after the other. Each copy that
 * waits costs memory, also in Node's HTTP server: with a maximum of 1,000, copies took three times the memory of the
 * same number of forgeries.
 */
const mostCopies = 100;

/**
 * The maximum number of different callbacks of one payment or payout that are stored at the same time. Some proofs leave
 * fields out, such as the amount: a payer can make any number of variants of his own callback.
 */
const mostOfOneRow = 20;

/** The maximum number of callbacks that are stored at the same time. */
const mostAtOnce = 5_000;

/** The result of storing a callback; with `unstored`, its reason. */
export interface Stored {
  readonly update: CallbackUpdate;
  readonly error?: unknown;
}

/** Stores a callback. Never rejects. */
type Store = (callback: VerifiedCallback) => Promise<Stored>;

/** Called when a copy need not wait any longer: with the result, or with its turn to store for the others. */
type Waiting = (news: Stored | Turn) => void;

/** The turn of a copy: it stores the callback for itself and for others. */
interface Turn {
  readonly callback: VerifiedCallback;
  readonly others: readonly Waiting[];
  /** The copies that arrive meanwhile. */
  readonly next: Set<Waiting>;
}

/**
 * Lets copies of a callback that arrive while it is being stored share the next statement. A payer can send his own
 * callback any number of times, and a copy must not cost more than a forgery.
 */
export class Copies {
  readonly #milliseconds: number;
  /** The copies that wait for each callback that is being stored. */
  readonly #running = new Map<string, Set<Waiting>>();
  /** How many callbacks of each row are being stored. */
  readonly #ofRow = new Map<string, number>();

  /** @param milliseconds the longest time that a copy waits for the statement before it */
  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** Stores a callback, alone or with its copies. Never rejects. */
  store(callback: VerifiedCallback, store: Store): Promise<Stored> {
    const key = keyOf(callback);
    const waiting = this.#running.get(key);
    if (waiting !== undefined) {
      if (waiting.size >= mostCopies) return tooManyCopies;
      // All copies are stored with the form of the first one.
      callback.releaseForm?.();
      return this.#wait(key, waiting, store);
    }
    const row = rowOf(callback);
    const count = this.#ofRow.get(row) ?? 0;
    if (count >= mostOfOneRow) return tooManyOfOneRow;
    if (this.#running.size >= mostAtOnce) return tooManyAtOnce;
    this.#ofRow.set(row, count + 1);
    return this.#run(key, callback, store, this.#startWaiting(key));
  }

  /**
   * Waits for the callback that is being stored. After that, the first waiting copy stores for all of them, in its own
   * async context: the effect must run in the context of a request that is not answered yet.
   */
  async #wait(key: string, waiting: Set<Waiting>, store: Store): Promise<Stored> {
    const news = await new Promise<Stored | Turn>((resolve) => {
      const timer = setTimeout(() => {
        waiting.delete(hear);
        resolve(unstored('unstored', `a copy of this callback took longer than ${this.#milliseconds} ms`));
      }, this.#milliseconds);
      const hear: Waiting = (told) => {
        clearTimeout(timer);
        resolve(told);
      };
      waiting.add(hear);
    });
    if (!('others' in news)) return news;
    const { callback, others, next } = news;
    const stored = await this.#run(key, withCopies(callback, others.length + 1), store, next);
    for (const hear of others) hear(asCopy(stored));
    return stored;
  }

  /** Stores a callback. Then it is the turn of the first copy that waits. */
  async #run(key: string, callback: VerifiedCallback, store: Store, waiting: Set<Waiting>): Promise<Stored> {
    const stored = await store(callback);
    const [first, ...others] = waiting;
    waiting.clear();
    if (first === undefined) this.#forget(key, rowOf(callback));
    else first({ callback, others, next: this.#startWaiting(key) });
    return stored;
  }

  #startWaiting(key: string): Set<Waiting> {
    const waiting = new Set<Waiting>();
    this.#running.set(key, waiting);
    return waiting;
  }

  #forget(key: string, row: string): void {
    this.#running.delete(key);
    const others = (this.#ofRow.get(row) ?? 1) - 1;
    if (others === 0) this.#ofRow.delete(row);
    else this.#ofRow.set(row, others);
  }
}

// Made once: otherwise each copy that is refused would cost an error with its stack.
const tooManyCopies = Promise.resolve(unstored('too-many-copies', 'too many copies of this callback are waiting'));
const tooManyOfOneRow = Promise.resolve(
  unstored('too-many-copies', 'too many callbacks of one payment or payout are being stored'),
);
const tooManyAtOnce = Promise.resolve(unstored('unstored', 'too many callbacks are being stored'));

/** Callbacks are copies if a repository decides the same about them. Other fields that no proof covers may differ. */
function keyOf(callback: VerifiedCallback): string {
  return `${toEventKey(callback)} ${callback.amount} ${callback.currency} ${callback.method}`;
}

function rowOf({ kind, id }: VerifiedCallback): string {
  return `${kind} ${id}`;
}

/** Makes the result of the other copies. If one copy moved the row, the row has the status of the others already. */
function asCopy(stored: Stored): Stored {
  const { update } = stored;
  return update.outcome === 'applied' ? { update: { outcome: 'duplicate', current: update.current } } : stored;
}

/** Whether a copy was refused because too many copies were waiting. */
export function isCopyTooMany({ error }: Stored): boolean {
  return DragonpayError.is(error) && error.code === 'too-many-copies';
}

function unstored(code: 'unstored' | 'too-many-copies', message: string): Stored {
  return { update: { outcome: 'unstored' }, error: new DragonpayError(code, message) };
}
