import type { Mismatch, RecordedUpdate } from '../../../../model/callback-update.js';
import type { CallbackKind } from '../../../../protocol/kinds.js';
import { initialStatus, isStatus, latePredecessors, predecessors, type Status } from '../../../../protocol/statuses.js';
import type { Move, MoveResult, Statements } from '../../dialect.js';
import { rowProtected } from '../../row-protected.js';
import { runSql } from '../../run-sql.js';
import { schema, tableOfKind } from '../../schema.js';
import { type QuotedTables, quoteName } from '../../table-names.js';
import {
  boundOf,
  identityAndBounds,
  identityAndBoundsValues,
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
  const news = { payment: newsStatement('payment', tables), payout: newsStatement('payout', tables) };
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
        const { kind } = callback;
        const incoming = incomingOf({ callback, held: false });
        const bound = boundOf(milliseconds);
        const parameters = [...incoming.slice(0, newsColumns), bound];
        const sent = runSql<{ news: string }>(transaction.plain, news[kind], parameters);
        const [[first]] = await Promise.all([sent, transaction.begun()]);
        const row =
          first === undefined
            ? // It is not news, or the row is locked, or a proxy let it overtake BEGIN: the other statement decides.
              (await runSql<MoveRow & TransactionIdentity>(transaction.plain, own[kind], [...incoming, bound]))[0]
            : readNews(first.news);
        if (row !== undefined) transaction.identify(row);
        const result = row === undefined ? ({ state: 'busy' } as const) : toMoveResult(row, callback.status as Status);
        return { own: transaction, result };
      } catch (error) {
        await transaction.rollBack();
        if (wasChangedByTrigger(error)) throw rowProtected(callback.kind);
        throw isRecorded(error, tables) ? new RecordedMeanwhile(error) : error;
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
  'fingerprint',
  'held',
  'origin',
] as const;

/** How many of the columns the statement for news uses, from the first one on. */
const newsColumns = incomingColumns.indexOf('held');

/** The values of one callback, in the order of {@link incomingColumns}. */
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
    callback.fingerprint,
    held ? 'held' : null,
    callback.origin,
  ];
}

/**
 * The one statement that a postback costs. It takes any number of callbacks, at most one for each id, and returns a row
 * for each callback that it settled. A callback without a row is busy: another transaction has its row locked.
 *
 * It is correct under READ COMMITTED because of what each step leaves out:
 * - `locked` looks up keys in one table and nothing else. A predicate on the status, or a join, would first be tested
 *   against the old snapshot. It skips locked rows: waiting would hold up a connection, and in a batch all other
 *   callbacks. NO KEY, because tables of the merchant may have foreign keys to the row.
 * - `decided` reads only the locked version of the row. The snapshot tells whether a row that could not be locked
 *   exists. If it does, its callback is left out, here and in the inbox.
 * - `settled` reads from `moved` which rows moved, and not from the decision. A row that was to move and did not is
 *   `protected`: a trigger prevented it. If a trigger wrote other values, the statement fails, so that nothing is
 *   stored.
 *
 * A callback that is `held` and would move its row is answered `movable` and leaves no trace.
 */
function moveStatement(kind: CallbackKind, tables: QuotedTables, form: StatementForm): string {
  const table = tables[tableOfKind[kind]];
  const [key = ''] = schema[tableOfKind[kind]].key;
  const differences = Object.entries(differencesOf(kind, tables, lockedRow, (name) => `i.${name}`));
  const bounds = form === 'own' ? `, ${identityAndBounds(`$${incomingColumns.length + 1}`)}` : '';
  return `/* dragonpay-${kind}-${names[form]} */ with incoming as (
  ${incoming(form)}
), locked as (
  select ${key} as id, status::text as status, reached, refno, amount, currency::text as currency
  from ${table}
  where ${key} = ${form === 'many' ? `any(${hidden('$1::text[]')}::text[]) order by ${key}` : '$1::text'}
  for no key update skip locked
), compared as (
  select i.*, l.id is not null as found, l.status as previous, l.reached, array_remove(array[
    ${differences.map(([name, differs]) => `case when ${differs} then '${name}' end`).join(',\n    ')}
  ], null) as differs
  from incoming i left join locked l on l.id = i.id
  where l.id is not null or not exists (select from ${table} t where t.${key} = i.id)
), decided as (
  select *, case
    when enterable_from is null then 'unrecognized'
    when not found then 'not-found'
    when differs <> '{}' then 'mismatch'
    when ${maySettle({ previous: 'previous', reached: 'reached' }, (name) => name)} then 'applied'
    when previous = status then 'duplicate'
    else 'stale'
  end as outcome
  from compared
), moved as (
  update ${table} t
  set status = d.status, reached = t.reached || d.status, refno = d.refno, modified_at = now()
  from decided d
  where t.${key} = d.id and d.outcome = 'applied' and d.held is null
  returning t.${key} as id, ${holds((name) => `d.${name}`)} as holds
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
    (kind, id, refno, status, outcome, reasons, proof, key_id, method, raw, deliveries, fingerprint, forms)
  select '${kind}', id, refno, status, outcome, reasons, proof, key_id, method, raw, copies::integer,
    ${fingerprintInInbox(tables.callbacks, 'settled', `'${kind}'`)},
    case when outcome in ('not-found', 'mismatch') and origin = 'callback' then
      concat(amount, ',', currency, '|', method, ',', proof, ',', key_id, ',', raw)
    end
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

/**
 * Hides the length of an array from the planner. If PostgreSQL sees it, a plan for these very callbacks looks cheaper
 * than the prepared one, and it plans the statement again each time. That takes longer than the statement itself.
 */
function hidden(array: string): string {
  return `(select ${array})`;
}

function incoming(form: StatementForm): string {
  if (form === 'many') {
    const parameters = incomingColumns.map((_, index) => hidden(`$${index + 1}::text[]`));
    return `select * from unnest(${parameters.join(', ')}) as i(${incomingColumns.join(', ')})`;
  }
  const values = incomingColumns.map((column, index) => `$${index + 1}::text as ${column}`);
  return `select ${values.join(', ')}${form === 'own' ? ` where ${isInTransaction}` : ''}`;
}

/**
 * The statement for the usual callback with an effect: news about a row that is not locked. It does what
 * {@link moveStatement} does, in half of the time. For any other callback it does nothing and returns no row.
 *
 * The conditions may be tested against an old version of the row. If they hold, PostgreSQL tests them again on the
 * locked version before it updates the row. If they do not hold, the other statement decides.
 */
function newsStatement(kind: CallbackKind, tables: QuotedTables): string {
  const table = tables[tableOfKind[kind]];
  const [key = ''] = schema[tableOfKind[kind]].key;
  const value = (name: IncomingColumn) => `$${incomingColumns.indexOf(name) + 1}::text`;
  const row = {
    id: `t.${key}`,
    status: 't.status::text',
    refno: 't.refno',
    amount: 't.amount',
    currency: 't.currency::text',
  };
  const differences = Object.values(differencesOf(kind, tables, row, value));
  const isLate = `strpos(${value('late_from')}, previous) > 0`;
  return `/* dragonpay-${kind}-news */ with moved as (
  update ${table} t
  set status = ${value('status')}, reached = t.reached || ${value('status')}, refno = ${value('refno')}, modified_at = now()
  from (
    select status::text as previous from ${table} where ${key} = ${value('id')} and ${isInTransaction}
    for no key update skip locked
  ) l
  where t.${key} = ${value('id')} and ${maySettle({ previous: row.status, reached: 't.reached' }, value)}
    and ${differences.map((differs) => `(${differs}) is not true`).join(' and ')}
    and not exists (
      select from ${tables.callbacks} e
      where e.id = ${value('id')} and e.kind = '${kind}' and e.refno = ${value('refno')} and e.status = ${value('status')}
    )
  returning l.previous, ${holds(value)} as holds
), remembered as (
  insert into ${tables.callbacks}
    (kind, id, refno, status, outcome, reasons, proof, key_id, method, raw, deliveries, fingerprint)
  select '${kind}', ${value('id')}, ${value('refno')}, ${value('status')}, 'applied',
    case when ${isLate} then array['late'] else '{}' end, ${value('proof')}, ${value('key_id')}, ${value('method')},
    ${value('raw')}, ${value('copies')}::integer, ${value('fingerprint')}
  from moved where holds
)
select concat_ws(' ', ${identityAndBoundsValues(`$${newsColumns + 1}`).join(', ')},
  previous, case when ${isLate} then 'late' end) as news
from moved where holds`;
}

/** Reads what {@link newsStatement} returns: one value, because each column of a result costs as much as a parameter. */
function readNews(news: string): Pick<MoveRow, 'outcome' | 'previous' | 'differs' | 'late'> & TransactionIdentity {
  const [xid = '', pid = '', , , previous, late] = news.split(' ');
  return {
    xid,
    pid,
    outcome: 'applied',
    previous: previous as Status,
    differs: '',
    late: late === 'late' ? late : null,
  };
}

type IncomingColumn = (typeof incomingColumns)[number];

/** The columns of a row, as a statement names them. */
interface RowColumns {
  readonly id: string;
  readonly refno: string;
  readonly amount: string;
  readonly currency: string;
}

const lockedRow: RowColumns = { id: 'l.id', refno: 'l.refno', amount: 'l.amount', currency: 'l.currency' };

/**
 * The values that make a mismatch, with the condition for each.
 * @param value a column of `incoming`
 */
function differencesOf(
  kind: CallbackKind,
  { transactions }: QuotedTables,
  row: RowColumns,
  value: (name: IncomingColumn) => string,
): Readonly<Record<Mismatch, string>> {
  const differs = `${value('refno')} <> ${row.refno}`;
  // See `mayBeRenamedPayment` in decide-update.ts.
  const isRenamed = `${row.id} is not null and ${row.refno} is null
      and exists (select from ${transactions} p where p.txnid = ${value('id')})`;
  return {
    amount: `${value('amount')}::numeric <> ${row.amount}`,
    currency: `${value('currency')} <> ${row.currency}`,
    refno: kind === 'payment' ? differs : `${differs} or (${isRenamed})`,
  };
}

/** SQL: whether a row may move to the status of a callback. Null for a letter that is not a status. */
function maySettle(row: { previous: string; reached: string }, value: (name: IncomingColumn) => string): string {
  const status = value('status');
  return `(strpos(${row.reached}, ${status}) = 0 and case when ${row.previous} = ${status} then ${status} = '${initialStatus}'
      else strpos(${value('enterable_from')}, ${row.previous}) > 0 end)`;
}

/** Whether the row of an UPDATE has the values that were written. Fails the statement if it has others. */
function holds(value: (name: IncomingColumn) => string): string {
  return `case
    when t.status::text = ${value('status')} and t.reached like '%' || ${value('status')} and t.refno = ${value('refno')} then true
    else ('${otherValues}' || t.status)::boolean
  end`;
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
function toMoveResult(row: Omit<MoveRow, 'id'>, status: Status): MoveResult {
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

/**
 * The beginning of a text that is cast to a boolean. The cast fails, and with it the statement. Its error shows this
 * text.
 */
const otherValues = 'dragonpay-other-values-';

/** A trigger let a row move, but not to the values that were written. */
function wasChangedByTrigger(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '22P02' && error.message.includes(otherValues);
}

/** Whether another transaction recorded the same event after the statement began, without having seen the row. */
function isRecorded(error: unknown, { callbacks }: QuotedTables): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === '23505' &&
    'table' in error &&
    callbacks.endsWith(quoteName(String(error.table)))
  );
}

/** An error with the code of a serialization failure, so that the callback is stored again. */
class RecordedMeanwhile extends Error {
  override readonly name = 'RecordedMeanwhile';
  readonly code = '40001';

  constructor(cause: unknown) {
    super('another transaction recorded the event at the same time', { cause });
  }
}

/** NOWAIT found the row locked. */
function isLockNotAvailable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '55P03';
}
