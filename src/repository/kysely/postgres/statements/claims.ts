import { openStatuses } from '../../../../protocol/statuses.js';
import type { InquiryClaim } from '../../../capabilities.js';
import type { Statements } from '../../dialect.js';
import { runSql } from '../../run-sql.js';
import type { QuotedTables } from '../../table-names.js';
import { inMicroseconds } from '../microseconds.js';

const open = openStatuses.map((status) => `'${status}'`).join(', ');

/** The payments that may be asked about: the predicate of the index that migration 0002 makes. */
const isOpen = `status in (${open})`;

/** The time of the last callback or inquiry of a payment: the key of the same index. */
const lastNews = 'greatest(modified_at, inquired_at)';

const isFree = '(inquiry_leased_until is null or inquiry_leased_until <= now())';

/**
 * The statements by which processes share the open payments. Each is short and keeps no lock: the lease, not the lock,
 * keeps other processes away during the call to the gateway. A row that another process claims at the same moment is
 * locked and skipped; a row that it has just claimed is tested again in its new version and falls out.
 */
export function claimStatements({
  transactions: table,
}: QuotedTables): Pick<Statements, 'claimOldest' | 'claimById' | 'finishInquiry'> {
  const claim = (name: string, condition: string) => `/* dragonpay-${name} */ with due as (
  select txnid from ${table} where ${condition}
  limit 1 for no key update skip locked
)
update ${table} t set inquiry_leased_until = now() + $1::bigint * interval '1 millisecond'
from due where t.txnid = due.txnid
returning t.txnid, ${inMicroseconds('t.inquiry_leased_until')} as lease`;
  const isDue = `${lastNews} <= now() - $2::bigint * interval '1 millisecond'`;
  const oldest = claim('claim-oldest', `${isOpen} and ${isFree} and ${isDue} order by ${lastNews}`);
  const byId = claim('claim', `txnid = $2 and ${isFree}`);
  const finish = `/* dragonpay-inquired */ update ${table}
set inquired_at = now(), inquiry_leased_until = null
where txnid = $1 and ${inMicroseconds('inquiry_leased_until')} = $2`;
  return {
    async claimOldest(db, olderThan, lease) {
      return (await runSql<InquiryClaim>(db, oldest, [wholeText(lease), wholeText(olderThan)]))[0];
    },
    async claimById(db, txnid, lease) {
      return (await runSql<InquiryClaim>(db, byId, [wholeText(lease), txnid]))[0];
    },
    async finishInquiry(db, { txnid, lease }) {
      await runSql(db, finish, [txnid, lease]);
    },
  };
}

function wholeText(milliseconds: number): string {
  return String(Math.ceil(milliseconds));
}
