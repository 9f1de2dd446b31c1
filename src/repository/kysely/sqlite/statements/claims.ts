import type { EventKey } from '../../../../model/rows.js';
import { openStatuses } from '../../../../protocol/statuses.js';
import type { InquiryClaim } from '../../../capabilities.js';
import { longestLease } from '../../../longest-lease.js';
import type { Statements } from '../../dialect.js';

import type { QuotedTables } from '../../table-names.js';
import { now } from '../microseconds.js';
import { runNumbered } from '../run-numbered.js';

type ClaimStatements = Pick<Statements, 'claimOldest' | 'claimById' | 'finishInquiry' | 'claimEarlyEvent'>;

const open = openStatuses.map((status) => `'${status}'`).join(', ');

/** The payments that may be asked about: the predicate of the index that migration 0001 makes. */
const isOpen = `status in (${open})`;

/** The time of the last callback or inquiry of a payment: the key of the same index. */
const lastNews = 'max(modified_at, coalesce(inquired_at, 0))';

/**
 * The statements by which processes divide among themselves the open payments and the callbacks that came before their
 * row. Each statement is one write. The lease, not a lock, keeps other processes away during the call to the gateway.
 */
export function claimStatements({ transactions: table, payouts, callbacks }: QuotedTables): ClaimStatements {
  // Parameters: the time, the end of the lease, a value of the statement, the latest end of a lease.
  const freeAt = (end: string) => `(${end} is null or ${end} <= ?1 or ${end} > ?4)`;
  const isFree = freeAt('inquiry_leased_until');
  const claim = (name: string, which: string) => `/* dragonpay-${name} */ update ${table}
set inquiry_leased_until = ?2 where txnid = (select txnid from ${table} where ${which} limit 1)
returning txnid, cast(inquiry_leased_until as text) as lease`;
  const oldest = claim('claim-oldest', `${isOpen} and ${isFree} and ${lastNews} <= ?3 order by ${lastNews}`);
  const byId = claim('claim', `txnid = ?3 and ${isFree}`);
  const finish = `/* dragonpay-inquired */ update ${table}
set inquired_at = ?1, inquiry_leased_until = null
where txnid = ?2 and inquiry_leased_until = cast(?3 as integer)`;
  const isUnclaimed = freeAt('c.claimed_until');
  // The events of one row are claimed one after the other: a later status must not overtake an earlier one.
  const early = `/* dragonpay-claim-early */ update ${callbacks} set claimed_until = ?2 where rowid = (
  select c.rowid from ${callbacks} c
  where c.outcome in ('not-found', 'failed') and instr(c.reasons, '"not-found"') > 0 and ${isUnclaimed}
    and c.kind in (select value from json_each(?3)) and (
    c.kind = 'payment' and exists (select 1 from ${table} p where p.txnid = c.id)
    or c.kind = 'payout' and exists (select 1 from ${payouts} p where p.merchant_txn_id = c.id)
  ) and not exists (
    select 1 from ${callbacks} o where o.id = c.id and o.kind = c.kind and o.outcome = 'not-found'
      and (o.first_seen, o.refno, o.status, o.fingerprint) < (c.first_seen, c.refno, c.status, c.fingerprint)
  )
  order by c.first_seen limit 1
)
returning kind, id, refno, status, fingerprint`;
  return {
    async claimEarlyEvent(db, lease, kinds) {
      const time = now();
      return (
        await runNumbered<EventKey>(db, early, [time, endOf(time, lease), JSON.stringify(kinds), latestOf(time, lease)])
      )[0];
    },
    async claimOldest(db, olderThan, lease) {
      const time = now();
      const values = [time, endOf(time, lease), time - Math.ceil(olderThan) * 1000, latestOf(time, lease)];
      return (await runNumbered<InquiryClaim>(db, oldest, values))[0];
    },
    async claimById(db, txnid, lease) {
      const time = now();
      return (await runNumbered<InquiryClaim>(db, byId, [time, endOf(time, lease), txnid, latestOf(time, lease)]))[0];
    },
    async finishInquiry(db, { txnid, lease }) {
      await runNumbered(db, finish, [now(), txnid, lease]);
    },
  };
}

/** The end of a lease names the claim: two claims of the same millisecond must differ. */
function endOf(time: number, lease: number): number {
  return time + Math.ceil(lease) * 1000 + Math.floor(Math.random() * 1000);
}

function latestOf(time: number, lease: number): number {
  return time + longestLease(lease) * 1000;
}
