import { CompiledQuery, type Kysely, type Transaction } from 'kysely';
import { DragonpayError } from '../../errors.js';
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
import { isStatus, latePredecessors, predecessors } from '../../protocol/statuses.js';
import type { CallbackRepository, StatusEffect } from '../callback-repository.js';
import type {
  ConfirmableRepository,
  CorrectableRepository,
  InquiryClaim,
  ReconcilableRepository,
  ReplayableRepository,
} from '../capabilities.js';
import { type Change, type Correction, type CorrectionOptions, checkCorrection } from '../correction.js';
import type { InboxFilter } from '../inbox-page.js';
import type { AnyKysely, AnyTransaction } from './any-kysely.js';
import { OwnTransaction } from './postgres/own-transaction.js';
import { InquiryClaims } from './postgres/statements/claims.js';
import { correctRow } from './postgres/statements/correction.js';
import { findKeptEvent, pruneInboxBatch, readInbox, recordFailedEvent } from './postgres/statements/inbox.js';
import {
  incomingColumns,
  type MoveResult,
  type MoveRow,
  paymentStatements,
  payoutStatements,
  type Statements,
  toMoveResult,
} from './postgres/statements/move.js';
import { type StoredRow, toPayment, toPayout } from './postgres/stored-rows.js';
import { type Move, MoveQueue } from './statement-batcher.js';
import { type QuotedTables, quoteTables, type TableNames } from './table-names.js';

/** Settings of a {@link KyselyRepository}. */
export interface KyselyRepositoryOptions extends TableNames {
  /**
   * How long a callback waits for another one of the same payment to finish, in milliseconds; 5,000 when not given.
   * It holds no connection while it waits.
   */
  readonly busyMilliseconds?: number;
  /** How many callbacks that arrive at the same time may share a statement; 64 when not given, 1 for none. */
  readonly batch?: number;
}

const busyMilliseconds = 5_000;
const attempts = 3;
const batch = 64;

/**
 * Stores callbacks in PostgreSQL 15 and later, through a Kysely of one's own. Plugins of that Kysely do not reach the
 * statements made here. See `createMigrations` for the tables.
 */
export class KyselyRepository<Database = unknown>
  implements
    CallbackRepository<Transaction<Database>>,
    ReconcilableRepository,
    ReplayableRepository,
    ConfirmableRepository,
    CorrectableRepository<Transaction<Database>>
{
  readonly #db: Kysely<Database>;
  readonly #plain: Kysely<Database>;
  readonly #tables: QuotedTables;
  readonly #statements: Readonly<Record<CallbackKind, Statements>>;
  readonly #queues: Readonly<Record<CallbackKind, MoveQueue<MoveRow>>>;
  readonly #busyMilliseconds: number;
  /** The handlers that are at work in this process, by what they hold: duplicates of it wake when they are through. */
  readonly #holders = new Map<string, Promise<unknown>>();
  readonly #claims: InquiryClaims<Database>;

  constructor(given: AnyKysely<Database>, options: KyselyRepositoryOptions = {}) {
    const db = given as Kysely<Database>;
    this.#db = db;
    // A plugin such as CamelCasePlugin would rename the columns of our own statements.
    this.#plain = db.withoutPlugins();
    this.#tables = quoteTables(options);
    this.#statements = { payment: paymentStatements(this.#tables), payout: payoutStatements(this.#tables) };
    const queue = (kind: CallbackKind) =>
      new MoveQueue<MoveRow>((moves) => this.#send(this.#plain, kind, moves), options.batch ?? batch);
    this.#queues = { payment: queue('payment'), payout: queue('payout') };
    this.#busyMilliseconds = options.busyMilliseconds ?? busyMilliseconds;
    this.#claims = new InquiryClaims(this.#plain, this.#tables.transactions);
  }

  async store(callback: VerifiedCallback, effect?: StatusEffect<Transaction<Database>>): Promise<RecordedUpdate> {
    const result = await this.#untilFree(callback, async () => {
      if (effect === undefined) return this.#move(callback, null);
      const held = await this.#move(callback, 'held');
      return held.state === 'movable' ? this.#hold(keyOf(callback), this.#moveWith(callback, effect)) : held;
    });
    if (result.state === 'movable') throw new Error('a callback that is not held was answered movable');
    return result.update;
  }

  async storeUnlessMovable(callback: VerifiedCallback): Promise<RecordedUpdate | 'movable'> {
    const result = await this.#untilFree(callback, () => this.#move(callback, 'held'));
    return result.state === 'movable' ? 'movable' : result.update;
  }

  async #move(callback: VerifiedCallback, held: 'held' | null): Promise<MoveResult> {
    return toMoveResult(await this.#queues[callback.kind].move(incomingOf(callback, held)), callback.status);
  }

  /** Tries until no other transaction has the row. Between two tries it holds no connection. */
  async #untilFree(
    callback: VerifiedCallback,
    run: () => Promise<MoveResult>,
  ): Promise<Exclude<MoveResult, { state: 'busy' }>> {
    const giveUpAt = Date.now() + this.#busyMilliseconds;
    for (let attempt = 1, wait = 10; ; wait *= 2) {
      try {
        const result = await run();
        if (result.state !== 'busy') return result;
      } catch (error) {
        if (!isTransient(error) || ++attempt > attempts) throw error;
      }
      const left = giveUpAt - Date.now();
      if (left < 10) throw new Error(lockedByAnother(callback.kind));
      const holder = this.#holders.get(keyOf(callback));
      await waitFor(holder, Math.min(wait, left, holder === undefined ? 250 : 1_000));
    }
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

  async #send(db: Kysely<Database>, kind: CallbackKind, moves: readonly Move[]): Promise<MoveRow[]> {
    const columns = incomingColumns.map((_, column) => moves.map((move) => move[column]));
    const { rows } = await db.executeQuery<MoveRow>(CompiledQuery.raw(this.#statements[kind].move, columns));
    return rows;
  }

  async #moveWith(callback: VerifiedCallback, effect: StatusEffect<Transaction<Database>>): Promise<MoveResult> {
    const own = await OwnTransaction.begin(this.#db, effect.milliseconds);
    try {
      const [row] = await this.#send(own.plain, callback.kind, [incomingOf(callback, null)]);
      const result = toMoveResult(row, callback.status);
      if (result.state === 'settled' && result.update.outcome === 'applied') {
        await effect.run(result.update, own.handed);
      }
      await own.commit();
      return result;
    } catch (error) {
      await own.rollBack();
      throw error;
    }
  }

  /**
   * Adds a payment that is about to be asked for. With `trx` it commits together with the order that it belongs to.
   * @throws DragonpayError `invalid-details`, `already-exists`
   */
  async createPayment(details: PaymentDetails, options: { trx?: AnyTransaction<Database> } = {}): Promise<PaymentRow> {
    return toPayment(await this.#insert('payment', newPayment(details), options.trx));
  }

  /**
   * Adds a payout that is about to be asked for.
   * @throws DragonpayError `invalid-details`, `already-exists`
   */
  async createPayout(details: PayoutDetails, options: { trx?: AnyTransaction<Database> } = {}): Promise<PayoutRow> {
    return toPayout(await this.#insert('payout', newPayout(details), options.trx));
  }

  async #insert(kind: CallbackKind, row: NewRow, trx: AnyTransaction<Database> | undefined): Promise<StoredRow> {
    const { id, refno, status, reached, amount, currency, texts } = row;
    const values = [id, refno, status, reached, amount, currency, ...Object.values(texts)];
    const inserted = await this.#one(this.#statements[kind].insert, values, trx);
    if (inserted === undefined) throw alreadyExists(kind);
    return inserted;
  }

  async findPayment(txnid: string, options: { trx?: AnyTransaction<Database> } = {}): Promise<PaymentRow | undefined> {
    const row = await this.#one(this.#statements.payment.find, [txnid], options.trx);
    return row && toPayment(row);
  }

  async findPayout(
    merchantTxnId: string,
    options: { trx?: AnyTransaction<Database> } = {},
  ): Promise<PayoutRow | undefined> {
    const row = await this.#one(this.#statements.payout.find, [merchantTxnId], options.trx);
    return row && toPayout(row);
  }

  async #one(
    statement: string,
    parameters: readonly unknown[],
    trx: AnyTransaction<Database> | undefined,
  ): Promise<StoredRow | undefined> {
    const db = trx?.withoutPlugins() ?? this.#plain;
    const { rows } = await db.executeQuery<StoredRow>(CompiledQuery.raw(statement, [...parameters]));
    return rows[0];
  }

  claimOpenPayment({ olderThan, lease }: { readonly olderThan: number; readonly lease: number }) {
    return this.#claims.oldest(olderThan, lease);
  }

  async claimPayment(
    txnid: string,
    { lease }: { readonly lease: number },
  ): Promise<InquiryClaim | 'held' | 'not-found'> {
    const claim = await this.#claims.byId(txnid, lease);
    return claim ?? ((await this.findPayment(txnid)) === undefined ? 'not-found' : 'held');
  }

  finishInquiry(claim: InquiryClaim): Promise<void> {
    return this.#claims.finish(claim);
  }

  async correct(id: string, change: Change, options: CorrectionOptions<Transaction<Database>>): Promise<Correction> {
    checkCorrection(change, options);
    const { effect } = options;
    const own = await OwnTransaction.begin(this.#db, effect?.milliseconds ?? this.#busyMilliseconds);
    try {
      const correction = await correctRow(own.plain, this.#tables, id, change, options).catch((error: unknown) => {
        throw isTimeout(error)
          ? new DragonpayError('unstored', lockedByAnother(options.kind), { cause: error })
          : error;
      });
      const { previous, current } = correction;
      if (previous !== current) await effect?.run({ outcome: 'applied', previous, current, late: false }, own.handed);
      await own.commit();
      return correction;
    } catch (error) {
      await own.rollBack();
      throw error;
    }
  }

  findEvent(key: EventKey): Promise<KeptEvent | undefined> {
    return findKeptEvent(this.#plain, this.#tables.callbacks, key);
  }

  recordFailure(callback: VerifiedCallback): Promise<void> {
    return recordFailedEvent(this.#plain, this.#tables.callbacks, callback);
  }

  /** Reads a page of the inbox: verified events and what became of them, the oldest first. Proofs are redacted. */
  callbacks(filter: InboxFilter = {}): Promise<InboxEvent[]> {
    return readInbox(this.#plain, this.#tables.callbacks, filter);
  }

  /**
   * Forgets events that were last seen before a time, a batch a statement, so that nobody waits for it. The rows of
   * payments and payouts stay, and with them what callbacks have brought: an old event that comes again moves nothing.
   * @param options.batch how many events one statement deletes; 1,000 when not given
   * @returns how many it deleted
   */
  async pruneCallbacks(before: Date, options: { readonly batch?: number } = {}): Promise<number> {
    const { batch = 1000 } = options;
    for (let total = 0; ; ) {
      const deleted = await pruneInboxBatch(this.#plain, this.#tables.callbacks, before, batch);
      total += deleted;
      if (deleted < batch) return total;
    }
  }
}

/**
 * Waits until a holder in this process is through; for one in another process, or one that is stuck, only so long.
 * Half of that is chance, so that duplicates that arrived together do not come back together.
 */
async function waitFor(holder: Promise<unknown> | undefined, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const pause = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, (milliseconds * (1 + Math.random())) / 2);
  });
  await Promise.race([pause, ...(holder === undefined ? [] : [holder])]);
  clearTimeout(timer);
}

function keyOf({ kind, id }: VerifiedCallback): string {
  return `${kind} ${id}`;
}

/** In the order of `incomingColumns`. */
function incomingOf(callback: VerifiedCallback, held: 'held' | null): Move {
  const { kind, status } = callback;
  return [
    callback.id,
    callback.refno,
    status,
    isStatus(kind, status) ? predecessors(kind, status) : null,
    latePredecessors(kind, status),
    callback.amount ?? null,
    callback.currency ?? null,
    callback.proof.algorithm,
    callback.proof.keyId,
    callback.method ?? null,
    callback.raw(),
    held,
  ];
}

/**
 * Serialization failures and deadlocks, also in a query of the handler: the database rolled back and asks to be asked
 * again. SQLSTATE class 40, but for 40003: there the database does not know whether it committed.
 */
function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? error.code : undefined;
  return (typeof code === 'string' && /^40(?!003)[0-9A-Z]{3}$/.test(code)) || isTransient(error.cause);
}

/** Whether the server ended a statement that took too long: SQLSTATE 57014. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '57014';
}

function lockedByAnother(kind: CallbackKind = 'payment'): string {
  return `the ${kind} is locked by another transaction`;
}
