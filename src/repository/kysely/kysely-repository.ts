import type { Kysely, Transaction } from 'kysely';
import { settlesWithin, wait } from '../../async/wait.js';
import { DragonpayError, invalidSetting } from '../../errors.js';
import type { RecordedUpdate } from '../../model/callback-update.js';
import { alreadyExists, type NewRow, newPayment, newPayout } from '../../model/new-row.js';
import type {
  EventKey,
  InboxEvent,
  KeptEvent,
  PaymentDetails,
  PaymentRow,
  PayoutDetails,
  PayoutRow,
} from '../../model/rows.js';
import type { VerifiedCallback } from '../../model/verified-callback.js';
import type { CallbackKind } from '../../protocol/kinds.js';
import type { StatusEffect } from '../callback-repository.js';
import type { InquiryClaim, MerchantRepository } from '../capabilities.js';
import {
  type Change,
  type Correction,
  type CorrectionOptions,
  checkCorrection,
  nothingToCorrect,
} from '../correction.js';
import { toEventKey } from '../event-key.js';
import { checkDate, checkInboxFilter, type InboxFilter } from '../inbox-page.js';
import type { AnyKysely, AnyTransaction } from './any-kysely.js';
import { Batches } from './batches.js';
import type { Move, MoveResult, RepositoryDialect, Statements } from './dialect.js';
import { type EffectSlots, effectSlots } from './effect-slots.js';
import { asMissingTable, LockWaits } from './lock-waits.js';
import { postgres } from './postgres/postgres.js';
import { RecentKeys } from './recent-keys.js';
import { checkDialect, checkOptions, type KyselyRepositoryOptions } from './repository-options.js';
import { rowProtected } from './row-protected.js';
import { tooLate } from './statement-batcher.js';
import { isId, isStorable } from './stored-values.js';
import type { TakenConnection } from './take-connection.js';

const pruneLimit = 1_000;
const longestPause = 250;
/** How long a duplicate waits for a handler in this process before it asks the database, in milliseconds. */
const longestHold = 1_000;
const mostRecent = 10_000;

/**
 * Stores callbacks in a database, by default PostgreSQL 15 and later, through your Kysely. Plugins of your Kysely do
 * not affect the statements of this package. `createMigrations` makes the tables.
 */
export class KyselyRepository<Database = unknown> implements MerchantRepository<Transaction<Database>> {
  readonly #db: Kysely<Database>;
  /** Without plugins: a plugin such as CamelCasePlugin would rename the columns of the package's statements. */
  readonly #plain: Kysely<Database>;
  readonly #dialect: RepositoryDialect;
  readonly #statements: Statements;
  readonly #batches: Batches;
  readonly #slots: EffectSlots;
  readonly #waits: LockWaits;
  readonly #busyMilliseconds: number;
  /** Handlers running in this process, by row. Duplicates wait for them instead of polling. */
  readonly #holders = new Map<string, Promise<unknown>>();
  /** Events that this process has stored. They come again as duplicates, which must not open a transaction. */
  readonly #stored = new RecentKeys(mostRecent);

  /** @throws DragonpayError `invalid-setting` that names the option */
  constructor(given: AnyKysely<Database>, options: KyselyRepositoryOptions = {}) {
    checkOptions(options);
    const { dialect = postgres, batch = 64, batchKey, busyMilliseconds = 5_000, effects } = options;
    const db = given as Kysely<Database>;
    checkDialect(db, dialect);
    if (db.isTransaction) throw invalidSetting('db', 'must not be a transaction: the repository begins its own');
    this.#db = db;
    this.#plain = db.withoutPlugins();
    this.#dialect = dialect;
    this.#statements = dialect.statements(options);
    this.#waits = new LockWaits(this.#plain, dialect, busyMilliseconds);
    const move = (kind: CallbackKind, moves: readonly Move[]) =>
      this.#run((db) => this.#statements.move(db, kind, moves));
    this.#batches = new Batches(move, batch, dialect, batchKey);
    this.#slots = effectSlots(db, dialect.mostEffects ?? effects);
    this.#busyMilliseconds = busyMilliseconds;
  }

  async store(
    callback: VerifiedCallback,
    effect?: StatusEffect<Transaction<Database>>,
    { milliseconds = Number.POSITIVE_INFINITY }: { readonly milliseconds?: number } = {},
  ): Promise<RecordedUpdate> {
    const row = rowOf(callback);
    const event = toEventKey(callback);
    let mayMove = !this.#holders.has(row) && !this.#stored.has(event);
    const startBy = performance.now() + milliseconds - (effect?.milliseconds ?? 0);
    const result = await this.#untilFree(callback, milliseconds, async (giveUpAt) => {
      if (effect === undefined) return this.#batches.move({ callback, held: false, startBy });
      // A callback that will probably change nothing must not open a transaction: ask first.
      if (!mayMove || this.#holders.has(row)) {
        const held = await this.#batches.move({ callback, held: true, startBy });
        if (held.state !== 'movable') return held;
      }
      mayMove = false;
      return this.#hold(
        row,
        this.#slots.run((taken) => this.#moveWith(taken, callback, effect, startBy), giveUpAt),
      );
    });
    if (result === 'movable') throw new Error('the statement answered movable for a callback that was to be stored');
    if (effect !== undefined && 'current' in result) this.#stored.add(event);
    return result;
  }

  storeUnlessMovable(
    callback: VerifiedCallback,
    { milliseconds = Number.POSITIVE_INFINITY }: { readonly milliseconds?: number } = {},
  ): Promise<RecordedUpdate | 'movable'> {
    const startBy = performance.now() + milliseconds;
    return this.#untilFree(callback, milliseconds, () => this.#batches.move({ callback, held: true, startBy }));
  }

  /**
   * Tries again while another transaction has the row locked, and after errors that soon pass, such as a deadlock.
   * Holds no connection between two tries.
   */
  async #untilFree(
    callback: VerifiedCallback,
    milliseconds: number,
    run: (giveUpAt: number) => Promise<MoveResult>,
  ): Promise<RecordedUpdate | 'movable'> {
    const giveUpAt = performance.now() + Math.min(this.#busyMilliseconds, milliseconds);
    let failure: unknown;
    for (let pause = 10; ; pause *= 2) {
      try {
        const result = await run(giveUpAt);
        if (result.state === 'settled') return result.update;
        if (result.state === 'movable') return result.state;
        if (result.state === 'protected') throw rowProtected(callback.kind);
        // Asks once, after the first short wait, because most locks are released by then.
        if (pause === 20 && (await this.#isHidden(callback))) throw rowProtected(callback.kind);
      } catch (error) {
        if (this.#dialect.isTransient(error)) failure = error;
        // If the time is over, the last error of the database says more than `unstored`.
        else throw isUnstored(error) ? (failure ?? error) : error;
      }
      const left = giveUpAt - performance.now();
      if (left < 10) throw failure ?? lockedByAnother(callback.kind);
      const holder = this.#holders.get(rowOf(callback));
      await waitFor(holder, Math.min(pause, left, holder === undefined ? longestPause : longestHold));
    }
  }

  async #isHidden({ kind, id }: VerifiedCallback): Promise<boolean> {
    return (await this.#run(async (db) => this.#statements.isHidden?.(db, kind, id))) === true;
  }

  async #hold<Result>(key: string, holding: Promise<Result>): Promise<Result> {
    const settled = holding.catch(() => {});
    this.#holders.set(key, settled);
    try {
      return await holding;
    } finally {
      if (this.#holders.get(key) === settled) this.#holders.delete(key);
    }
  }

  /**
   * @param startBy the latest time for the effect to begin. If it began later, it would end after the callback was
   *   answered
   */
  async #moveWith(
    taken: TakenConnection,
    callback: VerifiedCallback,
    effect: StatusEffect<Transaction<Database>>,
    startBy: number,
  ): Promise<MoveResult> {
    if (performance.now() > startBy) {
      taken.release();
      throw tooLate();
    }
    const { own, result } = await this.#waits.bound(() =>
      this.#statements.beginWithMove(this.#db, taken, callback, effect.milliseconds),
    );
    try {
      if (result.state === 'protected') throw rowProtected(callback.kind);
      if (result.state === 'settled' && result.update.outcome === 'applied') {
        if (performance.now() > startBy) throw tooLate();
        const { update } = result;
        await own.run((trx) => effect.run(update, trx, () => own.isQuerying));
      }
      await own.commit();
      return result;
    } catch (error) {
      await own.rollBack();
      throw error;
    }
  }

  /**
   * Adds a payment. With `trx`, it commits together with its order.
   * @throws DragonpayError `invalid-details`, `already-exists`
   */
  async createPayment(details: PaymentDetails, options: { trx?: AnyTransaction<Database> } = {}): Promise<PaymentRow> {
    return (await this.#insert('payment', newPayment(details), trxOf(options))) as PaymentRow;
  }

  /**
   * Adds a payout. With `trx`, it commits together with the other writes of that transaction.
   * @throws DragonpayError `invalid-details`, `already-exists`
   */
  async createPayout(details: PayoutDetails, options: { trx?: AnyTransaction<Database> } = {}): Promise<PayoutRow> {
    return (await this.#insert('payout', newPayout(details), trxOf(options))) as PayoutRow;
  }

  async #insert(kind: CallbackKind, row: NewRow, trx: AnyTransaction<Database> | undefined) {
    const inserted = await this.#run((db) => this.#statements.insert(db, kind, row), trx);
    if (inserted === undefined) throw alreadyExists(kind);
    return inserted;
  }

  async findPayment(txnid: string, options: { trx?: AnyTransaction<Database> } = {}): Promise<PaymentRow | undefined> {
    return (await this.#find('payment', txnid, trxOf(options))) as PaymentRow | undefined;
  }

  async findPayout(
    merchantTxnId: string,
    options: { trx?: AnyTransaction<Database> } = {},
  ): Promise<PayoutRow | undefined> {
    return (await this.#find('payout', merchantTxnId, trxOf(options))) as PayoutRow | undefined;
  }

  async #find(kind: CallbackKind, id: string, trx: AnyTransaction<Database> | undefined) {
    return isId(id) ? this.#run((db) => this.#statements.find(db, kind, id), trx) : undefined;
  }

  /** Runs a statement. Its wait for locks is bounded, except in a transaction of the caller. */
  #run<Result>(
    run: (db: Kysely<Database>) => Promise<Result>,
    trx?: AnyTransaction<Database> | undefined,
  ): Promise<Result> {
    if (trx !== undefined) {
      return run((trx as Transaction<Database>).withoutPlugins()).catch((error: unknown) => {
        throw asMissingTable(this.#dialect, error);
      });
    }
    return this.#waits.bound(() => run(this.#plain));
  }

  claimOpenPayment({ olderThan, lease }: { readonly olderThan: number; readonly lease: number }) {
    return this.#run((db) => this.#statements.claimOldest(db, olderThan, lease));
  }

  async claimPayment(
    txnid: string,
    { lease }: { readonly lease: number },
  ): Promise<InquiryClaim | 'held' | 'not-found'> {
    if (!isId(txnid)) return 'not-found';
    const claim = await this.#run((db) => this.#statements.claimById(db, txnid, lease));
    return claim ?? ((await this.findPayment(txnid)) === undefined ? 'not-found' : 'held');
  }

  async finishInquiry(claim: InquiryClaim): Promise<void> {
    if (isId(claim.txnid)) await this.#run((db) => this.#statements.finishInquiry(db, claim));
  }

  claimEarlyEvent(options: {
    readonly lease: number;
    readonly kinds: readonly CallbackKind[];
  }): Promise<EventKey | undefined> {
    return this.#run((db) => this.#statements.claimEarlyEvent(db, options.lease, options.kinds));
  }

  async correct(id: string, change: Change, options: CorrectionOptions<Transaction<Database>>): Promise<Correction> {
    checkCorrection(change, options);
    const { effect, kind } = options;
    if (!isId(id)) throw nothingToCorrect(kind ?? 'payment');
    const refuse = (error: unknown): never => {
      throw this.#dialect.isLockTimeout(error) ? lockedByAnother(kind, error) : error;
    };
    const milliseconds = effect?.milliseconds ?? this.#busyMilliseconds;
    const own = await this.#dialect.beginOwnTransaction(this.#db, milliseconds).catch(refuse);
    try {
      const correction = await this.#statements.correct(own.plain, id, change, options, milliseconds).catch(refuse);
      const { previous, current } = correction;
      if (previous !== current && effect !== undefined) {
        const update = { outcome: 'applied', previous, current, late: false } as const;
        await own.run((trx) => effect.run(update, trx, () => own.isQuerying));
      }
      await own.commit();
      return correction;
    } catch (error) {
      await own.rollBack();
      throw error;
    }
  }

  async findEvent(key: EventKey): Promise<KeptEvent | undefined> {
    if (!isId(key.id) || !isStorable(key.refno) || !isStorable(key.status)) return undefined;
    return this.#run((db) => this.#statements.findEvent(db, key));
  }

  recordFailure(callback: VerifiedCallback): Promise<void> {
    return this.#run((db) => this.#statements.recordFailure(db, callback));
  }

  /**
   * Reads a page of the inbox, the oldest events first. Proofs are redacted.
   * @throws DragonpayError `invalid-setting` for a filter that cannot match
   */
  async callbacks(filter: InboxFilter = {}): Promise<InboxEvent[]> {
    checkInboxFilter(filter);
    return this.#run((db) => this.#statements.readInbox(db, filter));
  }

  /**
   * Deletes the events that were last seen before a time. One statement deletes at most 1,000, so that callbacks that
   * arrive meanwhile do not wait. Resolves to the number of deleted events.
   * @throws DragonpayError `invalid-setting` for an invalid date
   */
  async pruneCallbacks(before: Date): Promise<number> {
    checkDate('before', before);
    for (let total = 0; ; ) {
      const deleted = await this.#run((db) => this.#statements.pruneInbox(db, before, pruneLimit));
      total += deleted;
      if (deleted < pruneLimit) return total;
    }
  }
}

/**
 * @throws DragonpayError `invalid-setting` if the options are the transaction itself, or if `trx` is not a transaction:
 *   the row would be made outside of the transaction, and outlive its rollback
 */
function trxOf<Database>(options: { trx?: AnyTransaction<Database> }): AnyTransaction<Database> | undefined {
  const { trx } = options ?? {};
  if (typeof options === 'object' && options !== null && !('getExecutor' in options)) {
    if (trx === undefined || trx?.isTransaction) return trx;
  }
  throw invalidSetting('trx', 'must be a transaction of Kysely, in an object: { trx }');
}

/**
 * Waits until a holder in this process is done, but at most `milliseconds`: the row may be held elsewhere, or the
 * holder may be stuck. Half of this time is random, so that duplicates that arrived together do not try again together.
 */
async function waitFor(holder: Promise<unknown> | undefined, milliseconds: number): Promise<void> {
  const pause = (milliseconds * (1 + Math.random())) / 2;
  await (holder === undefined ? wait(pause) : settlesWithin(holder, pause));
}

function isUnstored(error: unknown): boolean {
  return DragonpayError.is(error) && error.code === 'unstored';
}

function rowOf({ kind, id }: VerifiedCallback): string {
  return `${kind} ${id}`;
}

function lockedByAnother(kind: CallbackKind = 'payment', cause?: unknown): DragonpayError {
  return new DragonpayError('unstored', `the ${kind} is locked by another transaction`, { cause });
}
