import type { CallbackKind } from '../../../../protocol/kinds.js';
import type { Status } from '../../../../protocol/statuses.js';
import { schema, tableOfKind } from '../../schema.js';
import type { QuotedTables } from '../../table-names.js';
import { identityAndBoundsValues, isInTransaction, type TransactionIdentity } from '../transaction.js';
import {
  differencesOf,
  holds,
  type IncomingColumn,
  ifRecorded,
  incomingColumns,
  maySettle,
  newsColumns,
} from './incoming-callback.js';
import type { MoveRow } from './move-statement.js';

/**
 * The statement for the usual callback with an effect: news about a row that is not locked. It does what
 * `moveStatement` does, in half of the time. For any other callback it does nothing and returns no row.
 *
 * The conditions may be tested against an old version of the row. If they hold, PostgreSQL tests them again on the
 * locked version before it updates the row. If they do not hold, the other statement decides.
 */
export function newsStatement(kind: CallbackKind, tables: QuotedTables): string {
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
  const news = `concat_ws(' ', ${identityAndBoundsValues(`$${newsColumns + 1}`).join(', ')},
  previous, case when ${isLate} then 'late' end)`;
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
  returning id
)
select ${ifRecorded(news, value('id'), 'previous')} as news
from moved where holds`;
}

/** Reads what {@link newsStatement} returns: one value, because each column of a result costs as much as a parameter. */
export function readNews(
  news: string,
): Pick<MoveRow, 'outcome' | 'previous' | 'differs' | 'late'> & TransactionIdentity {
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
