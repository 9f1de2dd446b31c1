import type { Mismatch, RecordedUpdate } from '../../../../model/callback-update.js';
import { paymentTexts, payoutTexts } from '../../../../model/new-row.js';
import { initialStatus, type Status } from '../../../../protocol/statuses.js';
import type { QuotedTables } from '../../table-names.js';
import { inMicroseconds } from '../stored-rows.js';

/**
 * The SQL, as text, written once when the repository is made. Each statement starts with a comment that names it:
 * `withNamedStatements` prepares them by that name, and a slow one is found in pg_stat_statements.
 */
export interface Statements {
  readonly move: string;
  readonly insert: string;
  readonly find: string;
}

/**
 * Columns of `incoming`, each an array parameter of {@link Statements.move}: one callback an index.
 * `enterable_from` and `late_from` are the status machine's data; `enterable_from` is null for an unknown letter,
 * `held` for a callback that may move its row now.
 */
export const incomingColumns = [
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
  'held',
] as const;

/** The statements of payments. */
export function paymentStatements(tables: QuotedTables): Statements {
  return statements({ kind: 'payment', table: tables.transactions, key: 'txnid', texts: paymentTexts, tables });
}

/** The statements of payouts. */
export function payoutStatements(tables: QuotedTables): Statements {
  return statements({ kind: 'payout', table: tables.payouts, key: 'merchant_txn_id', texts: payoutTexts, tables });
}

interface Target {
  readonly kind: 'payment' | 'payout';
  readonly table: string;
  readonly key: string;
  readonly texts: Readonly<Record<string, number>>;
  readonly tables: QuotedTables;
}

function statements(target: Target): Statements {
  const { kind, table, key, texts } = target;
  const columns = [key, 'refno', 'status', 'reached', 'amount', 'currency', ...Object.keys(texts).map(snakeCase)];
  // Values as text, so that a type parser of the user's pool (floats for numeric, strings for dates) changes nothing.
  const row = `${key} as id, refno, status::text as status, reached, amount::text as amount,
  currency::text as currency, ${Object.keys(texts)
    .map((name) => `${snakeCase(name)} as "${name}"`)
    .join(', ')},
  ${inMicroseconds('created_at')} as created, ${inMicroseconds('modified_at')} as modified`;
  return {
    move: `/* dragonpay-${kind}-move */ ${moveStatement(target)}`,
    insert: `/* dragonpay-${kind}-insert */ insert into ${table} (${columns.join(', ')})
values (${columns.map((_, index) => `$${index + 1}`).join(', ')})
on conflict (${key}) do nothing
returning ${row}`,
    find: `/* dragonpay-${kind}-find */ select ${row} from ${table} where ${key} = $1`,
  };
}

/** `procDetail` is the column `proc_detail`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * The one statement that a postback costs. It takes any number of callbacks, at most one for an id, and answers with
 * a row for each that it settled. One that it does not answer for is busy: another transaction holds its row.
 *
 * It is right under READ COMMITTED because of what each step does not do:
 * - `locked` looks for keys in one table and for nothing else. A predicate on the status, or a join, would be tested
 *   against the old snapshot first. It skips rows that are locked: waiting would hold a connection, and in a batch
 *   everybody else. NO KEY, since the merchant's tables may have foreign keys to the row.
 * - `decided` reads the locked version of the row only. Whether a row exists that could not be locked is asked of the
 *   snapshot: such a callback is left out, here and in the inbox.
 * - `settled` takes from `moved` what was moved, not from the decision.
 *
 * A callback that is `held` and would move its row is answered `movable` and leaves no trace: what comes to nothing
 * never opens a transaction for a handler.
 */
function moveStatement({ kind, table, key, tables }: Target): string {
  const parameters = incomingColumns.map((_, index) => `$${index + 1}::text[]`).join(', ');
  return `with incoming as (
  select * from unnest(${parameters}) as i(${incomingColumns.join(', ')})
), locked as (
  select ${key} as id, status::text as status, reached, refno, amount, currency::text as currency
  from ${table}
  where ${key} = any($1::text[])
  order by ${key}
  for no key update skip locked
), compared as (
  select i.*, l.id is not null as found, l.status as previous, l.reached, array_remove(array[
    case when i.amount::numeric <> l.amount then 'amount' end,
    case when i.currency <> l.currency then 'currency' end,
    case when ${refnoDiffers({ kind, tables })} then 'refno' end
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
  returning t.${key} as id
), settled as (
  select d.*, case
    when outcome = 'mismatch' then differs
    when outcome in ('stale', 'not-found', 'unrecognized') then array[outcome]
    when outcome = 'applied' and strpos(late_from, previous) > 0 then array['late']
    else '{}'
  end as reasons
  from decided d
  where outcome <> 'applied' or exists (select from moved m where m.id = d.id)
), remembered as (
  insert into ${tables.callbacks} as c (kind, id, refno, status, outcome, reasons, proof, key_id, method, raw)
  select '${kind}', id, refno, status, outcome, reasons, proof, key_id, method, raw from settled order by id
  ${keepWhatWasApplied()}
)
select id, outcome, previous, array_to_string(differs, ',') as differs,
  case when 'late' = any(reasons) then 'late' end as late
from settled
union all
select id, 'movable', previous, '', null from decided
where outcome = 'applied' and held is not null`;
}

/**
 * The merge of an event into the inbox when the same event is there already, as `c`. An event that was applied stays
 * applied, and keeps the form and proof that it was applied from.
 */
export function keepWhatWasApplied(): string {
  const kept = ['outcome', 'proof', 'key_id', 'method', 'raw'];
  return `on conflict (id, kind, refno, status, correction) do update set
    last_seen = now(),
    deliveries = c.deliveries + 1,
    reasons = c.reasons || array(select r from unnest(excluded.reasons) r where r <> all(c.reasons)),
    ${kept.map((name) => `${name} = case when c.outcome = 'applied' then c.${name} else excluded.${name} end`).join(',\n    ')}`;
}

/** See `mayBeRenamedPayment` in decide-update.ts. */
function refnoDiffers({ kind, tables }: Pick<Target, 'kind' | 'tables'>): string {
  const differs = 'i.refno <> l.refno';
  if (kind === 'payment') return differs;
  return `${differs} or (l.id is not null and l.refno is null
      and exists (select from ${tables.transactions} p where p.txnid = i.id))`;
}

/** A row of the answer of {@link Statements.move}, all text. A callback without one is busy. */
export interface MoveRow {
  readonly id: string;
  /** `movable`: the callback was held, and would move its row. */
  readonly outcome: RecordedUpdate['outcome'] | 'movable';
  readonly previous: string | null;
  /** The names of the values that differ, with commas. */
  readonly differs: string;
  readonly late: 'late' | null;
}

/** What the move statement did with one callback. */
export type MoveResult =
  | { readonly state: 'settled'; readonly update: RecordedUpdate }
  /** It was held and would move its row; nothing was changed. */
  | { readonly state: 'movable' }
  /** Another transaction has the row locked; nothing was changed. */
  | { readonly state: 'busy' };

/** @param status the status that the callback brings */
export function toMoveResult(row: MoveRow | undefined, status: string): MoveResult {
  if (row === undefined) return { state: 'busy' };
  if (row.outcome === 'movable') return { state: 'movable' };
  return { state: 'settled', update: toUpdate(row, row.outcome, status as Status) };
}

function toUpdate(row: MoveRow, outcome: RecordedUpdate['outcome'], status: Status): RecordedUpdate {
  const current = row.previous as Status;
  switch (outcome) {
    case 'unrecognized':
    case 'not-found':
      return { outcome };
    case 'mismatch':
      return { outcome, current, differs: row.differs.split(',') as Mismatch[] };
    case 'duplicate':
    case 'stale':
      return { outcome, current };
    case 'applied':
      return { outcome, previous: current, current: status, late: row.late !== null };
  }
}
