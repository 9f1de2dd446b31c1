import type { Kysely } from 'kysely';
import { settlesWithin } from '../../async/wait.js';
import { DragonpayError } from '../../errors.js';
import { type TakenConnection, takeConnection } from './take-connection.js';

/** The default maximum. It fits the pool of node-postgres, which has ten connections by default. */
const mostByDefault = 8;
/** How long the pool may take to give the connections of a measurement, in milliseconds. */
const measureMilliseconds = 250;
/**
 * How long the first measured limit is kept, in milliseconds. Then it is measured again, because the pool may only have
 * been slow. This time doubles with each further measurement that finds a limit.
 */
const shortestBelief = 500;
const longestBelief = 10_000;

/**
 * Bounds the transactions of handlers, so that the pool always has one free connection. A method may take it as a
 * second one, through its own `db` or a service. Without a bound, all connections could be held by methods that wait
 * for a second one.
 *
 * The size of the pool is not known here. Before more handlers run at once than ever before, the pool must give two
 * connections: one for the new handler and a spare one. If it does not, the number that runs is the limit.
 */
export class EffectSlots {
  readonly #most: number;
  readonly #take: () => Promise<TakenConnection>;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  /** Running handlers that have their connection. */
  #holding = 0;
  /** How many handlers can run at once and leave a connection free, as measured so far. At least one can. */
  #measured: number;
  #limit: number;
  #limitedUntil = 0;
  #belief = shortestBelief;
  #measuring: Promise<void> | undefined;

  /** @param given a fixed maximum. `undefined`: the maximum is measured. */
  constructor(given: number | undefined, take: () => Promise<TakenConnection>) {
    this.#most = given ?? mostByDefault;
    this.#limit = this.#most;
    this.#measured = given ?? 1;
    this.#take = take;
  }

  /**
   * Waits for a slot, takes a connection, and runs work, which releases the connection. Waiting holds no connection.
   * @param giveUpAt a time on the clock of `performance.now()`
   * @throws DragonpayError `unstored` when there is no slot by then
   */
  async run<Result>(work: (taken: TakenConnection) => Promise<Result>, giveUpAt: number): Promise<Result> {
    await this.#enter(giveUpAt);
    let holds = false;
    const letGo = () => {
      if (holds) this.#holding--;
      holds = false;
    };
    try {
      const { connection, release } = await this.#take();
      holds = true;
      this.#holding++;
      return await work({
        connection,
        release: () => {
          letGo();
          release();
        },
      });
    } finally {
      letGo();
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #enter(giveUpAt: number): Promise<void> {
    for (;;) {
      if (performance.now() >= this.#limitedUntil) this.#limit = this.#most;
      if (this.#running >= this.#limit) {
        if (performance.now() >= giveUpAt) throw this.#tooMany();
        await this.#nextChange(giveUpAt);
      } else if (this.#running < this.#measured) {
        this.#running++;
        return;
      } else {
        this.#measuring ??= this.#measure(this.#running).finally(() => {
          this.#measuring = undefined;
        });
        await this.#measuring;
      }
    }
  }

  /** Resolves when a handler ends, when the limit is measured again, or at `latest`. */
  #nextChange(latest: number): Promise<void> {
    const now = performance.now();
    const until = this.#limitedUntil > now ? Math.min(this.#limitedUntil, latest) : latest;
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(wake), 1);
        resolve();
      }, until - now);
      this.#waiting.push(wake);
    });
  }

  #tooMany(): DragonpayError {
    const limit = this.#limit === 1 ? 'one handler' : `${this.#limit} handlers`;
    const message = `no connection was free for another transaction: ${limit} ran, and one more would leave no connection free`;
    return new DragonpayError('unstored', `${message}; use callback.trx for all queries, or enlarge the pool`);
  }

  /** Measures the limit. Never rejects: if the pool fails, the work itself gets the error. */
  async #measure(running: number): Promise<void> {
    const takes = Array.from({ length: running - this.#holding + 2 }, () => this.#take());
    const isFree = await settlesWithin(Promise.all(takes), measureMilliseconds).catch(() => false);
    // A handler that ended meanwhile has given its connection to a take: only those held now are held together.
    const together = takes.length + this.#holding;
    for (const take of takes) {
      take.then(
        ({ release }) => release(),
        () => {},
      );
    }
    if (isFree) {
      this.#measured = Math.max(this.#measured, together - 1);
      this.#belief = shortestBelief;
      for (const enter of this.#waiting.splice(0)) enter();
    } else {
      this.#limit = Math.max(1, running);
      this.#measured = this.#limit;
      this.#limitedUntil = performance.now() + this.#belief;
      this.#belief = Math.min(2 * this.#belief, longestBelief);
    }
  }
}

/** The slots whose number is measured. */
const measuredSlots = new WeakMap<object, EffectSlots>();

/**
 * The slots of a repository. Repositories with the same Kysely share their slots, because they share its pool.
 * @param given a fixed maximum for this repository alone. `undefined`: the maximum is measured.
 */
export function effectSlots<Database>(db: Kysely<Database>, given: number | undefined): EffectSlots {
  const take = () => takeConnection(db.getExecutor());
  if (given !== undefined) return new EffectSlots(given, take);
  const slots = measuredSlots.get(db) ?? new EffectSlots(given, take);
  measuredSlots.set(db, slots);
  return slots;
}
