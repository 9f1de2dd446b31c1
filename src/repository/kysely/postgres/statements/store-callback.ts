import type { Mismatch, RecordedUpdate } from '../../../../model/callback-update.js';
import type { CallbackKind } from '../../../../protocol/kinds.js';
import { initialStatus, isStatus, latePredecessors, predecessors, type Status } from '../../../../protocol/statuses.js';
import type { Move, MoveResult, Statements } from '../../dialect.js';
import { rowProtected } from '../../row-protected.js';
import { runSql } from '../../run-sql.js';
import { schema, tableOfKind } from '../../schema.js';
import type { QuotedTables } from '../../table-names.js';
import {
  boundOf,
  identityAndBounds,
  isInTransaction,
  PostgresTransaction,
  type TransactionIdentity,
} from '../transaction.js';
import { fingerprintInInbox, keepWhatWasApplied } from './inbox.js';

/** The statement that decides, moves the row and records the event. */
export function storeStatements(tables: QuotedTables): Pick<Statements, 'move' | 'beginWithMove' | 'isHidden'> {
  const textsOf = (form: StatementForm) => ({
    payment: moveStatement('payment', tables, form),
    payout: moveStatement('payout', tables, form),
  });
  const [many, one, own] = [textsOf('many'), textsOf('one'), textsOf('own')];
  return {
    async move(db, kind, moves) {
      const [first, ...others] = moves.map(incomingOf);
      if (first !== undefined && others.length === 0) {
        try {
          return resultsOf(moves, await runSql<MoveRow>(db, one[kind], first));
        } catch (error) {
          if (!wasChangedByTrigger(error)) throw error;
          return new Map(moves.map(({ callback }) => [callback.id, { state: 'protected' } as const]));
        }
      }
      return resultsOf(moves, await runSql<MoveRow>(db, many[kind], columnsOf(moves.map(incomingOf))));
    },

    async isHidden(db, kind, id) {
      const table = tables[tableOfKind[kind]];
      const [key] = schema[tableOfKind[kind]].key;
      const [security] = await runSql<{ isActive: boolean }>(
        db,
        `/* dragonpay-row-security */ select row_security_active($1::text) as "isActive"`,
        [table],
      );
      if (security?.isActive !== true) return false;
      const statement = `/* dragonpay-${kind}-lock */ select from ${table} where ${key} = $1 for no key update nowait`;
      const changeable = await runSql(db, statement, [id]).catch((error: unknown) => {
        if (isLockNotAvailable(error)) return undefined;
        throw error;
      });
      return changeable?.length === 0;
    },

    async beginWithMove(db, taken, callback, milliseconds) {
      const transaction = await PostgresTransaction.open(db, taken);
      try {
        const parameters = [...incomingOf({ callback, held: false }), boundOf(milliseconds)];
        const move = () => runSql<MoveRow & TransactionIdentity>(transaction.plain, own[callback.kind], parameters);
        let [[row]] = await Promise.all([move(), transaction.begun()]);
        // The row is locked; or something between this and the server let the statement overtake BEGIN.
        if (row === undefined) [row] = await move();
        if (row !== undefined) transaction.identify(row);
        const result = row === undefined ? ({ state: 'busy' } as const) : toMoveResult(row, callback.status as Status);
        return { own: transaction, result };
      } catch (error) {
        await transaction.rollBack();
        throw wasChangedByTrigger(error) ? rowProtected(callback.kind) : error;
      }
    },
  };
}

/** `many`: array parameters. `one`: one callback. `own`: one callback, in a transaction for its handler. */
type StatementForm = 'many' | 'one' | 'own';

const names: Readonly<Record<StatementForm, string>> = { many: 'moves', one: 'move', own: 'move-own' };

function columnsOf(rows: readonly (string | null)[][]): (string | null)[][] {
  return incomingColumns.map((_, column) => rows.map((row) => row[column] ?? null));
}

/**
 * Columns of `incoming`. Each is a parameter: for many callbacks an array with one element for each. `enterable_from`
 * and `late_from` are data of the status machine; `enterable_from` is null for an unknown letter.
 */
const incomingColumns = [
  'id',
  'refno',
  'status',
  'enterable_from',
  'late_from',
  'amount',
  'currency',
  'proof',
  'key_id',
  'method',
  'raw',
  'copies',
  'held',
  'fingerprint',
] as const;

/** In the order of {@link incomingColumns}. */
function incomingOf({ callback, held }: Move): (string | null)[] {
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
    String(callback.copies ?? 1),
    held ? 'held' : null,
    callback.fingerprint,
  ];
}

/**
 * The one statement that a postback costs. It takes any number of callbacks, at most one for each id, and returns a row
 * for each callback that it settled. A callback without a row is busy: another transaction has its row locked.
 *
 * It is correct under READ COMMITTED because of what each step leaves out:
 * - `locked` looks up keys in one table and nothing else. A predicate on the status, or a join, would first be tested
 *   against the old snapshot. It skips locked rows: to wait would hold a connection, and in a batch all other callbacks.
 *   NO KEY, because tables of the merchant may have foreign keys to the row.
 * - `decided` reads only the locked version of the row. Whether a row exists that could not be locked is read from the
 *   snapshot: such a callback is left out, here and in the inbox.
 * - `settled` takes from `moved` which rows moved, not from the decision. A row that was to move and did not is
 *   `protected`: a trigger is in the way. One that became something else fails the statement, so that nothing is kept.
 *
 * A callback that is `held` and would move its row is answered `movable` and leaves no trace.
 */
function moveStatement(kind: CallbackKind, tables: QuotedTables, form: StatementForm): string {
  const table = tables[tableOfKind[kind]];
  const [key = ''] = schema[tableOfKind[kind]].key;
  const bounds = form === 'own' ? `, ${identityAndBounds(`$${incomingColumns.length + 1}`)}` : '';
  return `/* dragonpay-${kind}-${names[form]} */ with incoming as (
  ${incoming(form)}
), locked as (
  select ${key} as id, status::text as status, reached, refno, amount, currency::text as currency
  from ${table}
  where ${key} = ${form === 'many' ? `any($1::text[]) order by ${key}` : '$1::text'}
  for no key update skip locked
), compared as (
  select i.*, l.id is not null as found, l.status as previous, l.reached, array_remove(array[
    case when i.amount::numeric <> l.amount then 'amount' end,
    case when i.currency <> l.currency then 'currency' end,
    case when ${refnoDiffers(kind, tables)} then 'refno' end
  ], null) as differs
  from incoming i left join locked l on l.id = i.id
  where l.id is not null or not exists (select from ${table} t where t.${key} = i.id)
), decided as (
  select *, case
    when enterable_from is null then 'unrecognized'
    when not found then 'not-found'
    when differs <> '{}' then 'mismatch'
    when strpos(reached, status) > 0 then case when previous = status then 'duplicate' else 'stale' end
    when previous = status then case when status = '${initialStatus}' then 'applied' else 'duplicate' end
    when strpos(enterable_from, previous) > 0 then 'applied'
    else 'stale'
  end as outcome
  from compared
), moved as (
  update ${table} t
  set status = d.status, reached = t.reached || d.status, refno = d.refno, modified_at = now()
  from decided d
  where t.${key} = d.id and d.outcome = 'applied' and d.held is null
  returning t.${key} as id, case
    when t.status::text = d.status and t.reached like '%' || d.status and t.refno = d.refno then true
    else ('${otherValues}' || t.status)::boolean
  end as holds
), settled as (
  select d.*, case
    when outcome = 'mismatch' then differs
    when outcome in ('stale', 'not-found', 'unrecognized') then array[outcome]
    when outcome = 'applied' and strpos(late_from, previous) > 0 then array['late']
    else '{}'
  end as reasons, outcome = 'applied' and not exists (select from moved m where m.id = d.id and m.holds) as protected
  from decided d
  where outcome <> 'applied' or held is null
), remembered as (
  insert into ${tables.callbacks} as c
    (kind, id, refno, status, outcome, reasons, proof, key_id, method, raw, deliveries, fingerprint)
  select '${kind}', id, refno, status, outcome, reasons, proof, key_id, method, raw, copies::integer,
    ${fingerprintInInbox(tables.callbacks, 'settled', `'${kind}'`)}
  from settled where not protected order by id
  ${keepWhatWasApplied('settled')}
)
select id, case when protected then 'protected' else outcome end as outcome, previous,
  array_to_string(differs, ',') as differs, case when 'late' = any(reasons) then 'late' end as late${bounds}
from settled${
    form === 'own'
      ? ''
      : `
union all
select id, 'movable', previous, '', null from decided
where outcome = 'applied' and held is not null`
  }`;
}

function incoming(form: StatementForm): string {
  if (form === 'many') {
    const parameters = incomingColumns.map((_, index) => `$${index + 1}::text[]`);
    return `select * from unnest(${parameters.join(', ')}) as i(${incomingColumns.join(', ')})`;
  }
  const values = incomingColumns.map((column, index) => `$${index + 1}::text as ${column}`);
  return `select ${values.join(', ')}${form === 'own' ? ` where ${isInTransaction}` : ''}`;
}

/** See `mayBeRenamedPayment` in decide-update.ts. */
function refnoDiffers(kind: CallbackKind, { transactions }: QuotedTables): string {
  const differs = 'i.refno <> l.refno';
  if (kind === 'payment') return differs;
  return `${differs} or (l.id is not null and l.refno is null
      and exists (select from ${transactions} p where p.txnid = i.id))`;
}

/** A row that the statement returns. All values are text. */
interface MoveRow {
  readonly id: string;
  readonly outcome: RecordedUpdate['outcome'] | 'movable' | 'protected';
  readonly previous: Status | null;
  /** The names of the values that differ, separated by commas. */
  readonly differs: string;
  readonly late: 'late' | null;
}

function resultsOf(moves: readonly Move[], rows: readonly MoveRow[]): ReadonlyMap<string, MoveResult> {
  const statuses = new Map(moves.map(({ callback: { id, status } }) => [id, status]));
  return new Map(rows.map((row) => [row.id, toMoveResult(row, statuses.get(row.id) as Status)]));
}

/** @param status the status that the callback brings */
function toMoveResult(row: MoveRow, status: Status): MoveResult {
  const current = row.previous as Status;
  switch (row.outcome) {
    case 'movable':
    case 'protected':
      return { state: row.outcome };
    case 'unrecognized':
    case 'not-found':
      return settled({ outcome: row.outcome });
    case 'mismatch':
      return settled({ outcome: row.outcome, current, differs: row.differs.split(',') as Mismatch[] });
    case 'duplicate':
    case 'stale':
      return settled({ outcome: row.outcome, current });
    case 'applied':
      return settled({ outcome: row.outcome, previous: current, current: status, late: row.late !== null });
  }
}

function settled(update: RecordedUpdate): MoveResult {
  return { state: 'settled', update };
}

/** Begins a text that is no boolean: its cast fails the statement. */
const otherValues = 'dragonpay-other-values-';

/** A trigger let a row move, but not to the values that were written. */
function wasChangedByTrigger(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '22P02' && error.message.includes(otherValues);
}

/** NOWAIT found the row locked. */
function isLockNotAvailable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '55P03';
}
