import type { RecordedUpdate } from '../../../../model/callback-update.js';
import type { CallbackKind } from '../../../../protocol/kinds.js';
import type { Status } from '../../../../protocol/statuses.js';
import { schema, tableOfKind } from '../../schema.js';
import type { QuotedTables } from '../../table-names.js';
import { identityAndBounds } from '../transaction.js';
import { fingerprintInInbox, keepWhatWasApplied } from './inbox.js';
import { differencesOf, holds, ifRecorded, incomingColumns, maySettle, type RowColumns } from './incoming-callback.js';

/** `many`: array parameters. `one`: one callback. `own`: one callback, in a transaction for its handler. */
export type StatementForm = 'many' | 'one' | 'own';

const names: Readonly<Record<StatementForm, string>> = { many: 'moves', one: 'move', own: 'move-own' };

const lockedRow: RowColumns = { id: 'l.id', refno: 'l.refno', amount: 'l.amount', currency: 'l.currency' };

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
 *   `protected`: a trigger prevented it. If a trigger wrote other values, or kept an event out of the inbox, the
 *   statement fails, so that nothing is stored.
 *
 * A callback that is `held` and would move its row is answered `movable` and leaves no trace.
 */
export function moveStatement(kind: CallbackKind, tables: QuotedTables, form: StatementForm): string {
  const table = tables[tableOfKind[kind]];
  const [key = ''] = schema[tableOfKind[kind]].key;
  const differences = Object.entries(differencesOf(kind, tables, lockedRow, (name) => `i.${name}`));
  const bounds = form === 'own' ? `, ${identityAndBounds(`$${incomingColumns.length + 1}`)}` : '';
  return `/* dragonpay-${kind}-${names[form]} */ with incoming as (
  ${incoming(form)}
), locked as (
  ${locked(table, key, form)}
), compared as (
  select i.*, l.id is not null as found, l.status as previous, l.reached, array_remove(array[
    ${differences.map(([name, differs]) => `case when ${differs} then '${name}' end`).join(',\n    ')}
  ], null) as differs
  from incoming i left join locked l on l.id = i.id
  where l.id is not null or (select true from ${table} t where t.${key} = i.id) is null
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
  returning c.id
)
select id, case when protected then 'protected' else ${ifRecorded('outcome', 'settled.id', 'outcome')} end as outcome, previous,
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

/**
 * Locks the rows one by one, in the order of their ids. PostgreSQL keeps its plan while a table grows, and for a list of
 * ids it would read the whole table as long as the table looked small when it made the plan.
 */
function locked(table: string, key: string, form: StatementForm): string {
  const row = (
    id: string,
  ) => `select ${key} as id, status::text as status, reached, refno, amount, currency::text as currency
    from ${table} where ${key} = ${id} for no key update skip locked`;
  if (form !== 'many') return row('$1::text');
  return `select l.* from (select id from incoming order by id) i cross join lateral (
    ${row('i.id')}
  ) l`;
}

function incoming(form: StatementForm): string {
  if (form === 'many') {
    const parameters = incomingColumns.map((_, index) => hidden(`$${index + 1}::text[]`));
    return `select * from unnest(${parameters.join(', ')}) as i(${incomingColumns.join(', ')})`;
  }
  const values = incomingColumns.map((column, index) => `$${index + 1}::text as ${column}`);
  return `select ${values.join(', ')}`;
}

/** A row that the statement returns. All values are text. */
export interface MoveRow {
  readonly id: string;
  readonly outcome: RecordedUpdate['outcome'] | 'movable' | 'protected';
  readonly previous: Status | null;
  /** The names of the values that differ, separated by commas. */
  readonly differs: string;
  readonly late: 'late' | null;
}
