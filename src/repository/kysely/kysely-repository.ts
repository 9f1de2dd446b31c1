import { CompiledQuery, type ControlledTransaction, type Kysely, type Transaction } from 'kysely';
import {
  type CallbackKind,
  isLate,
  isStatus,
  latePredecessors,
  predecessors,
  type Status,
} from '../../preprocessing/transaction-status.js';
import type { VerifiedCallback } from '../../verification/verified-callback.js';
import type { CallbackRepository, StatusEffect } from '../callback-repository.js';
import type { Mismatch, RecordedUpdate } from '../callback-update.js';
import { alreadyExists, type NewRow, newPayout, newTransaction } from '../new-row.js';
import { redactProofs } from '../redact-proofs.js';
import type { InboxEvent, PayoutDetails, PayoutRow, TransactionDetails, TransactionRow } from '../rows.js';
import { paymentStatements, payoutStatements, type Statements } from './statements.js';
import { type QuotedTables, quoteTables, type TableNames } from './tables.js';

/** Settings of a {@link KyselyRepository}. */
export interface KyselyRepositoryOptions extends TableNames {
  /**
   * How long a callback waits for another one of the same payment to finish, in milliseconds; 5,000 when not given.
   * It holds no connection while it waits.
   */
  readonly busyMilliseconds?: number;
}

const busyMilliseconds = 5_000;
const attempts = 3;
const rollbackMilliseconds = 200;

/**
 * Stores callbacks in PostgreSQL 15 and later, through a Kysely of one's own. Plugins of that Kysely do not reach the
 * statements made here. See `createMigrations` for the tables.
 */
export class KyselyRepository<Database = unknown> implements CallbackRepository<Transaction<Database>> {
  readonly #db: Kysely<Database>;
  readonly #plain: Kysely<Database>;
  readonly #tables: QuotedTables;
  readonly #statements: Readonly<Record<CallbackKind, Statements>>;
  readonly #busyMilliseconds: number;

  constructor(db: Kysely<Database>, options: KyselyRepositoryOptions = {}) {
    this.#db = db;
    // A plugin such as CamelCasePlugin would rename the columns of our own statements.
    this.#plain = db.withoutPlugins();
    this.#tables = quoteTables(options);
    this.#statements = { payment: paymentStatements(this.#tables), payout: payoutStatements(this.#tables) };
    this.#busyMilliseconds = options.busyMilliseconds ?? busyMilliseconds;
  }

  async store(callback: VerifiedCallback, effect?: StatusEffect<Transaction<Database>>): Promise<RecordedUpdate> {
    const giveUpAt = Date.now() + this.#busyMilliseconds;
    for (let attempt = 1, wait = 10; ; wait = Math.min(2 * wait, 250)) {
      try {
        const update = await (effect === undefined
          ? this.#move(this.#plain, callback)
          : this.#moveWith(callback, effect));
        if (update !== 'busy') return update;
      } catch (error) {
        if (!isTransient(error) || ++attempt > attempts) throw error;
      }
      if (Date.now() + wait > giveUpAt) throw new Error(`the ${callback.kind} is locked by another transaction`);
      // Half of the wait is chance, so that duplicates that arrived together do not come back together.
      await new Promise((resolve) => setTimeout(resolve, (wait * (1 + Math.random())) / 2));
    }
  }

  async #move(db: Kysely<Database>, callback: VerifiedCallback): Promise<RecordedUpdate | 'busy'> {
    const { kind } = callback;
    const parameters = incomingOf(callback).map((value) => [value]);
    const { rows } = await db.executeQuery<MovedRow>(CompiledQuery.raw(this.#statements[kind].move, parameters));
    const row = rows[0];
    return row === undefined ? 'busy' : toUpdate(callback, row);
  }

  async #moveWith(
    callback: VerifiedCallback,
    effect: StatusEffect<Transaction<Database>>,
  ): Promise<RecordedUpdate | 'busy'> {
    const trx = await this.#db.startTransaction().execute();
    const plain = trx.withoutPlugins();
    let own: OwnTransaction | undefined;
    try {
      own = await beginOwnTransaction(plain, effect.milliseconds);
      const update = await this.#move(plain, callback);
      if (update !== 'busy' && update.outcome === 'applied') {
        await effect.run(update, trx);
        await assertStillIn(plain, own);
      }
      await trx.commit().execute();
      return update;
    } catch (error) {
      await this.#rollBack(trx, own);
      throw error;
    }
  }

  /** ROLLBACK queues behind a query that still runs: past a moment of grace the connection is ended instead. */
  async #rollBack(trx: ControlledTransaction<Database>, own: OwnTransaction | undefined): Promise<void> {
    if (trx.isCommitted || trx.isRolledBack) return;
    const rolledBack = trx
      .rollback()
      .execute()
      // The connection is gone, and the transaction with it.
      .catch(() => {});
    if (own === undefined || (await settlesWithin(rolledBack, rollbackMilliseconds))) return;
    const terminate = CompiledQuery.raw('select pg_terminate_backend($1::integer)', [own.pid]);
    await Promise.race([this.#plain.executeQuery(terminate).catch(() => {}), rolledBack]);
    await settlesWithin(rolledBack, rollbackMilliseconds);
  }

  /**
   * Adds a payment that is about to be asked for. With `trx` it commits together with the order that it belongs to.
   * @throws DragonpayError `invalid-details`, `already-exists`
   */
  async createTransaction(
    details: TransactionDetails,
    options: { trx?: Transaction<Database> } = {},
  ): Promise<TransactionRow> {
    return toTransaction(await this.#insert('payment', newTransaction(details), options.trx));
  }

  /**
   * Adds a payout that is about to be asked for.
   * @throws DragonpayError `invalid-details`, `already-exists`
   */
  async createPayout(details: PayoutDetails, options: { trx?: Transaction<Database> } = {}): Promise<PayoutRow> {
    return toPayout(await this.#insert('payout', newPayout(details), options.trx));
  }

  async #insert(kind: CallbackKind, row: NewRow, trx: Transaction<Database> | undefined): Promise<StoredRow> {
    const { id, refno, status, reached, amount, currency, texts } = row;
    const values = [id, refno, status, reached, amount, currency, ...Object.values(texts)];
    const inserted = await this.#one(this.#statements[kind].insert, values, trx);
    if (inserted === undefined) throw alreadyExists(kind);
    return inserted;
  }

  async findTransaction(
    txnid: string,
    options: { trx?: Transaction<Database> } = {},
  ): Promise<TransactionRow | undefined> {
    const row = await this.#one(this.#statements.payment.find, [txnid], options.trx);
    return row && toTransaction(row);
  }

  async findPayout(
    merchantTxnId: string,
    options: { trx?: Transaction<Database> } = {},
  ): Promise<PayoutRow | undefined> {
    const row = await this.#one(this.#statements.payout.find, [merchantTxnId], options.trx);
    return row && toPayout(row);
  }

  async #one(
    statement: string,
    parameters: readonly unknown[],
    trx: Transaction<Database> | undefined,
  ): Promise<StoredRow | undefined> {
    const db = trx?.withoutPlugins() ?? this.#plain;
    const { rows } = await db.executeQuery<StoredRow>(CompiledQuery.raw(statement, [...parameters]));
    return rows[0];
  }

  /** The events of the inbox, the oldest first: all of them, or those of one payment or payout. */
  async callbacks(filter: { readonly txnid?: string; readonly merchantTxnId?: string } = {}): Promise<InboxEvent[]> {
    const id = filter.txnid ?? filter.merchantTxnId;
    const { rows } = await this.#plain.executeQuery<InboxRow>(
      CompiledQuery.raw(
        `select kind, id, refno, status::text as status, (extract(epoch from first_seen) * 1000)::text as first,
  (extract(epoch from last_seen) * 1000)::text as last, deliveries::text as deliveries, outcome,
  array_to_string(reasons, ',') as reasons, proof, key_id, method, raw
from ${this.#tables.callbacks} ${id === undefined ? '' : 'where id = $1 and kind = $2'}
order by first_seen, id, refno, status`,
        id === undefined ? [] : [id, filter.txnid === undefined ? 'payout' : 'payment'],
      ),
    );
    return rows.map(toInboxEvent);
  }
}

/** In the order of `incomingColumns`. */
function incomingOf(callback: VerifiedCallback): Array<string | null> {
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
    callback.method,
    callback.raw(),
  ];
}

interface MovedRow {
  readonly outcome: RecordedUpdate['outcome'];
  readonly previous: Status | null;
  readonly differs: string;
}

function toUpdate({ kind, status }: VerifiedCallback, row: MovedRow): RecordedUpdate {
  const current = row.previous as Status;
  switch (row.outcome) {
    case 'unrecognized':
    case 'not-found':
      return { outcome: row.outcome };
    case 'mismatch':
      return { outcome: 'mismatch', current, differs: row.differs.split(',') as Mismatch[] };
    case 'duplicate':
    case 'stale':
      return { outcome: row.outcome, current };
    case 'applied':
      return {
        outcome: 'applied',
        previous: current,
        current: status as Status,
        late: isLate(kind, current, status),
      };
  }
}

/** Serialization failures and deadlocks: the database rolled back and asks to be asked again. */
function isTransient(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^40[0-9A-Z]{3}$/.test(code);
}

interface OwnTransaction {
  readonly id: string;
  readonly pid: string;
}

/** Bounds what our own transaction may hold up, and tells it apart from any other. */
async function beginOwnTransaction<Database>(
  trx: Transaction<Database>,
  milliseconds: number,
): Promise<OwnTransaction | undefined> {
  const { rows } = await trx.executeQuery<OwnTransaction>(
    CompiledQuery.raw(
      `/* dragonpay-begin */ select pg_current_xact_id()::text as id, pg_backend_pid()::text as pid,
  set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $1, true)`,
      [String(milliseconds)],
    ),
  );
  return rows[0];
}

/**
 * A handler may swallow a failed query, or end the transaction by itself. COMMIT would then answer without an error
 * and store nothing; this fails.
 */
async function assertStillIn<Database>(trx: Transaction<Database>, own: OwnTransaction | undefined): Promise<void> {
  const { rows } = await trx.executeQuery<{ id: string | null }>(
    CompiledQuery.raw('/* dragonpay-check */ select pg_current_xact_id_if_assigned()::text as id'),
  );
  if (rows[0]?.id !== own?.id) throw new Error('the handler ended the transaction that it was given');
}

async function settlesWithin(promise: Promise<void>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A row as the statements select it: all text. */
interface StoredRow extends Record<string, string | null> {
  readonly id: string;
  readonly reached: string;
  readonly created: string;
  readonly modified: string;
}

function toTransaction({ id, reached, created, modified, ...row }: StoredRow): TransactionRow {
  return { txnid: id, ...row, ...parsed({ reached, created, modified }) } as unknown as TransactionRow;
}

function toPayout({ id, reached, created, modified, ...row }: StoredRow): PayoutRow {
  return { merchantTxnId: id, ...row, ...parsed({ reached, created, modified }) } as unknown as PayoutRow;
}

function parsed({ reached, created, modified }: Pick<StoredRow, 'reached' | 'created' | 'modified'>) {
  return { reached: [...reached], createdAt: toDate(created), modifiedAt: toDate(modified) };
}

function toDate(milliseconds: string): Date {
  return new Date(Math.floor(Number(milliseconds)));
}

interface InboxRow extends Record<string, string> {
  readonly first: string;
  readonly last: string;
  readonly deliveries: string;
  readonly reasons: string;
  readonly key_id: string;
  readonly raw: string;
}

function toInboxEvent({ first, last, deliveries, reasons, key_id, raw, ...event }: InboxRow): InboxEvent {
  return {
    ...event,
    firstSeen: toDate(first),
    lastSeen: toDate(last),
    deliveries: Number(deliveries),
    reasons: reasons === '' ? [] : reasons.split(','),
    keyId: key_id,
    raw: redactProofs(raw),
  } as unknown as InboxEvent;
}
