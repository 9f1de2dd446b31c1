import type { EventKey } from '../../../../model/rows.js';
import { openStatuses } from '../../../../protocol/statuses.js';
import type { InquiryClaim } from '../../../capabilities.js';
import { longestLease } from '../../../longest-lease.js';
import type { Statements } from '../../dialect.js';
import { inboxProtected, rowProtected } from '../../row-protected.js';
import { runSql } from '../../run-sql.js';
import type { QuotedTables } from '../../table-names.js';
import { inMicroseconds } from '../microseconds.js';

type ClaimStatements = Pick<Statements, 'claimOldest' | 'claimById' | 'finishInquiry' | 'claimEarlyEvent'>;

const open = openStatuses.map((status) => `'${status}'`).join(', ');

/** The payments that may be asked about: the predicate of the index that migration 0002 makes. */
const isOpen = `status in (${open})`;

/** The time of the last callback or inquiry of a payment: the key of the same index. */
const lastNews = 'greatest(modified_at, inquired_at)';

const isFree = freeAt('inquiry_leased_until');

/**
 * The statements by which processes divide among themselves the open payments and the callbacks that came before their
 * row. Each is short and keeps no lock: during the call to the gateway, the lease keeps other processes away. A row
 * that another process claims at the same moment is locked and skipped. A row that was claimed just before is tested
 * again in its new version, and no longer matches.
 */
export function claimStatements({ transactions: table, payouts, callbacks }: QuotedTables): ClaimStatements {
  const claim = (name: string, condition: string) => `/* dragonpay-${name} */ with due as (
  select txnid from ${table} where ${condition}
  limit 1 for no key update skip locked
), claimed as (
  update ${table} t set inquiry_leased_until = now() + $1::bigint * interval '1 millisecond'
  from due where t.txnid = due.txnid
  returning ${inMicroseconds('t.inquiry_leased_until')} as lease
)
select txnid, (select lease from claimed) as lease from due`;
  const isDue = `${lastNews} <= now() - $2::bigint * interval '1 millisecond'`;
  const oldest = claim('claim-oldest', `${isOpen} and ${isFree} and ${isDue} order by ${lastNews}`);
  const byId = claim('claim', `txnid = $2 and ${isFree}`);
  const finish = `/* dragonpay-inquired */ update ${table}
set inquired_at = now(), inquiry_leased_until = null
where txnid = $1 and ${inMicroseconds('inquiry_leased_until')} = $2`;
  const isUnclaimed = freeAt('c.claimed_until');
  // The events of one row are claimed one after the other: a later status must not overtake an earlier one.
  const early = `/* dragonpay-claim-early */ with early as (
  select c.id, c.kind, c.refno, c.status, c.correction, c.fingerprint from ${callbacks} c
  where c.outcome in ('not-found', 'failed') and c.reasons @> '{not-found}' and ${isUnclaimed}
    and c.kind = any($2::text[]) and (
    c.kind = 'payment' and exists (select from ${table} p where p.txnid = c.id)
    or c.kind = 'payout' and exists (select from ${payouts} p where p.merchant_txn_id = c.id)
  ) and not exists (
    select from ${callbacks} o where o.id = c.id and o.kind = c.kind and o.outcome = 'not-found'
      and (o.first_seen, o.refno, o.status, o.fingerprint) < (c.first_seen, c.refno, c.status, c.fingerprint)
  )
  order by c.first_seen limit 1 for no key update of c skip locked
), claimed as (
  update ${callbacks} c set claimed_until = now() + $1::bigint * interval '1 millisecond'
  from early e
  where (c.id, c.kind, c.refno, c.status, c.correction, c.fingerprint)
    = (e.id, e.kind, e.refno, e.status, e.correction, e.fingerprint) and ${isUnclaimed}
  returning 1
)
select kind, id, refno, status::text as status, fingerprint, exists (select from claimed) as "isClaimed" from early`;
  return {
    async claimEarlyEvent(db, lease, kinds) {
      const parameters = [wholeText(lease), [...kinds], longestText(lease)];
      const [row] = await runSql<EventKey & { isClaimed: boolean }>(db, early, parameters);
      if (row === undefined) return undefined;
      const { isClaimed, ...event } = row;
      if (!isClaimed) throw inboxProtected();
      return event;
    },
    async claimOldest(db, olderThan, lease) {
      return toClaim(await runSql<ClaimRow>(db, oldest, [wholeText(lease), wholeText(olderThan), longestText(lease)]));
    },
    async claimById(db, txnid, lease) {
      return toClaim(await runSql<ClaimRow>(db, byId, [wholeText(lease), txnid, longestText(lease)]));
    },
    async finishInquiry(db, { txnid, lease }) {
      await runSql(db, finish, [txnid, lease]);
    },
  };
}

interface ClaimRow {
  readonly txnid: string;
  readonly lease: string | null;
}

/**
 * Throws if a due payment was found, but its claim changed nothing. The gateway would never be asked about this payment,
 * and nobody would notice.
 */
function toClaim([row]: readonly ClaimRow[]): InquiryClaim | undefined {
  if (row === undefined) return undefined;
  if (row.lease === null) throw rowProtected('payment');
  return { txnid: row.txnid, lease: row.lease };
}

/** SQL for whether a claim is over. The third parameter is the maximum time that a claim may still hold. */
function freeAt(end: string): string {
  return `(${end} is null or ${end} <= now() or ${end} > now() + $3::bigint * interval '1 millisecond')`;
}

function longestText(lease: number): string {
  return wholeText(longestLease(lease));
}

function wholeText(milliseconds: number): string {
  return String(Math.ceil(milliseconds));
}
