import type { Kysely, Transaction } from 'kysely';
import type { RecordedUpdate } from '../../model/callback-update.js';
import type { NewRow } from '../../model/new-row.js';
import type { EventKey, InboxEvent, KeptEvent, PaymentRow, PayoutRow } from '../../model/rows.js';
import type { VerifiedCallback } from '../../model/verified-callback.js';
import type { CallbackKind } from '../../protocol/kinds.js';
import type { InquiryClaim } from '../capabilities.js';
import type { Change, Correction, CorrectionOptions } from '../correction.js';
import type { InboxFilter } from '../inbox-page.js';
import type { SqlPool, SqlRunner } from './run-sql.js';
import type { BatchedDatabase } from './statement-batcher.js';
import type { TableNames } from './table-names.js';
import type { TakenConnection } from './take-connection.js';

/** The choice of dialects, for messages. */
export const dialectNames =
  'mysqlDialect of dragonpay-callback/mysql or sqliteDialect of dragonpay-callback/sqlite, or left out for PostgreSQL';

/** The parts of a `KyselyRepository` that depend on the database: its SQL, its transactions and its errors. */
export interface RepositoryDialect extends BatchedDatabase {
  /**
   * How a Kysely for this database writes a name and a parameter. A Kysely that writes them in another way is refused.
   */
  readonly spelling: '"name" = $1' | '`name` = ?' | '"name" = ?';
  /**
   * The statements over tables of these names. @throws DragonpayError `invalid-setting` for a name that the database
   * cannot have
   */
  statements(names: TableNames): Statements;
  /** The SQL that makes tables of these names. */
  migrations(names: TableNames): MigrationSteps;
  /**
   * Begins a transaction for a correction.
   * @param milliseconds how long a statement, or a handler, may take. The server ends the transaction soon after that.
   */
  beginOwnTransaction<Database>(db: Kysely<Database>, milliseconds: number): Promise<OwnTransaction<Database>>;
  /**
   * Whether nothing was stored and a new try may succeed soon. The database rolled back, as after a deadlock, or never
   * began.
   */
  isTransient(error: unknown): boolean;
  /** Whether the server ended a statement because it waited too long for a lock, or ran too long. */
  isLockTimeout(error: unknown): boolean;
  /** Whether a table, a column or a schema of the statement does not exist. */
  isMissingTable(error: unknown): boolean;
  /** Asks the server to end the statements of this package that have waited this long for a lock, such as a table's. */
  endLockWaits?(db: SqlRunner, milliseconds: number): Promise<void>;
  /** How many transactions of handlers can run at the same time. Default: the size of the pool decides. */
  readonly mostEffects?: number;
}

/** The statements of each migration, by its name. The names are run in alphabetical order. */
export type MigrationSteps = Readonly<Record<string, { readonly up: string[]; readonly down: string[] }>>;

/** The statements of a repository. Each takes the Kysely or the transaction that it runs in. */
export interface Statements {
  /**
   * Stores callbacks, at most one for each id.
   * @returns an answer for each callback whose row was not locked, by its id
   */
  move(db: SqlPool, kind: CallbackKind, moves: readonly Move[]): Promise<ReadonlyMap<string, MoveResult>>;
  /**
   * Begins a transaction for a handler and stores a callback in it. If this rejects, the transaction was rolled back.
   * @param taken the connection. The transaction releases it
   * @param milliseconds how long the handler may take. The server ends the transaction soon after that.
   */
  beginWithMove<Database>(
    db: Kysely<Database>,
    taken: TakenConnection,
    callback: VerifiedCallback,
    milliseconds: number,
  ): Promise<{ readonly own: OwnTransaction<Database>; readonly result: MoveResult }>;
  /**
   * Whether row security hides a row from changes. `move` finds a hidden row busy, although it is not locked. Databases
   * without row security leave this method out.
   */
  isHidden?(db: SqlRunner, kind: CallbackKind, id: string): Promise<boolean>;
  /** Inserts a row. Resolves to `undefined` if the id is taken. A taken id must not abort a transaction. */
  insert(db: SqlRunner, kind: CallbackKind, row: NewRow): Promise<PaymentRow | PayoutRow | undefined>;
  find(db: SqlRunner, kind: CallbackKind, id: string): Promise<PaymentRow | PayoutRow | undefined>;
  /**
   * Claims the open payment whose last callback or inquiry is the oldest, and at least `olderThan` milliseconds ago.
   */
  claimOldest(db: SqlPool, olderThan: number, lease: number): Promise<InquiryClaim | undefined>;
  /** Claims a payment. `undefined`: it does not exist, or another claim holds it. */
  claimById(db: SqlPool, txnid: string, lease: number): Promise<InquiryClaim | undefined>;
  finishInquiry(db: SqlRunner, claim: InquiryClaim): Promise<void>;
  /** Claims the oldest event that came before its row, if the row exists now. See `CatchUpRepository`. */
  claimEarlyEvent(db: SqlPool, lease: number, kinds: readonly CallbackKind[]): Promise<EventKey | undefined>;
  /**
   * Corrects a row in a transaction and records the correction in the inbox.
   * @param milliseconds the longest wait for a lock on the row. Used where the transaction does not bound this wait
   */
  correct(
    trx: SqlRunner,
    id: string,
    change: Change,
    options: CorrectionOptions,
    milliseconds: number,
  ): Promise<Correction>;
  readInbox(db: SqlRunner, filter: InboxFilter): Promise<InboxEvent[]>;
  findEvent(db: SqlRunner, key: EventKey): Promise<KeptEvent | undefined>;
  recordFailure(db: SqlRunner, callback: VerifiedCallback): Promise<void>;
  /** Deletes at most `limit` events that were last seen before a time. Resolves to their number. */
  pruneInbox(db: SqlPool, before: Date, limit: number): Promise<number>;
}

/** A callback on its way to the database. */
export interface Move {
  readonly callback: VerifiedCallback;
  /**
   * Whether the callback is only stored if it does not move its row. Otherwise, nothing is stored and the answer is
   * `movable`.
   */
  readonly held: boolean;
  /**
   * The latest time to send it, on the clock of `performance.now()`: after that, its callback was answered. Default: no
   * limit.
   */
  readonly startBy?: number;
}

/** The result of a statement for one callback. */
export type MoveResult =
  | { readonly state: 'settled'; readonly update: RecordedUpdate }
  /** The move was `held`, and the callback would move its row. Nothing was changed. */
  | { readonly state: 'movable' }
  /** Another transaction has the row locked. Nothing was changed. */
  | { readonly state: 'busy' }
  /** The database did not let the row change: a trigger, or a rule. Nothing was changed. */
  | { readonly state: 'protected' };

/** A transaction for a handler or a correction. */
export interface OwnTransaction<Database> {
  /** Runs the statements of this package, without plugins. */
  readonly plain: SqlRunner;
  /** Whether a query of the handler is running. */
  readonly isQuerying: boolean;
  /** Runs a handler. Its transaction refuses queries once `commit` or `rollBack` was called. */
  run(work: (trx: Transaction<Database>) => Promise<void>): Promise<void>;
  /**
   * Rejects if a query is under way, the transaction was aborted, or the handler ended it.
   * @throws DragonpayError `handler-failed` for a query under way
   */
  commit(): Promise<void>;
  /** Rolls back, whatever state the transaction is in. Never rejects. */
  rollBack(): Promise<void>;
}
