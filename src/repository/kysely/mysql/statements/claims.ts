import type { EventKey } from '../../../../model/rows.js';
import type { InquiryClaim } from '../../../capabilities.js';
import { longestLease } from '../../../longest-lease.js';
import type { Statements } from '../../dialect.js';
import { runSql, type SqlPool } from '../../run-sql.js';
import { type QuotedTables, type TableNames, tableName } from '../../table-names.js';
import { fromMicroseconds, inMicroseconds, now } from '../microseconds.js';
import { quoteName } from '../quote-name.js';
import { inTransaction } from '../transaction.js';

type ClaimStatements = Pick<Statements, 'claimOldest' | 'claimById' | 'finishInquiry' | 'claimEarlyEvent'>;

/** SQL for a time this many milliseconds from now. The parameter is the number. */
const inMilliseconds = `timestampadd(microsecond, 1000 * ?, ${now})`;
const ago = `timestampadd(microsecond, -1000 * ?, ${now})`;

/** SQL for whether a claim is over. The parameter is the maximum time that a claim may still hold, in milliseconds. */
const freeAt = (end: string) => `(${end} is null or ${end} <= ${now} or ${end} > ${inMilliseconds})`;

const isFree = freeAt('inquiry_leased_until');

/**
 * The statements by which processes divide among themselves the open payments and the callbacks that came before their
 * row. Each transaction is short and keeps no lock: the lease, not the lock, keeps other processes away during the call
 * to the gateway. A row that another process claims at the same moment is locked and skipped.
 *
 * Without `force index`, rows that are only read for sorting would be locked, too, and other processes would skip them.
 */
export function claimStatements(
  { transactions: table, payouts, callbacks }: QuotedTables,
  names: TableNames,
): ClaimStatements {
  const indexOf = (key: 'transactions' | 'callbacks', ending: string) => quoteName(tableName(names, key) + ending);
  const claim = (name: string, from: string) => `/* dragonpay-${name} */
select txnid, ${inMicroseconds(inMilliseconds)} as lease from ${from} limit 1 for update skip locked`;
  const oldest = claim(
    'claim-oldest',
    `${table} force index (${indexOf('transactions', '_open')}) where open_since <= ${ago} and ${isFree} order by open_since`,
  );
  const byId = claim('claim', `${table} where txnid = ? and ${isFree}`);
  const lease = `/* dragonpay-lease */ update ${table} set inquiry_leased_until = ${fromMicroseconds} where txnid = ?`;
  const finish = `/* dragonpay-inquired */ update ${table}
set inquired_at = ${now}, inquiry_leased_until = null
where txnid = ? and ${inMicroseconds('inquiry_leased_until')} = ?`;
  // The events of one row are claimed one after the other: a later status must not overtake an earlier one.
  const early = `/* dragonpay-claim-early */
select c.kind, c.id, c.refno, c.status, cast(c.correction as char) as correction, c.fingerprint
from ${callbacks} c force index (${indexOf('callbacks', '_early')})
where c.early_at is not null and ${freeAt('c.claimed_until')} and c.kind in (?) and (
  c.kind = 'payment' and exists (select 1 from ${table} p where p.txnid = c.id)
  or c.kind = 'payout' and exists (select 1 from ${payouts} p where p.merchant_txn_id = c.id)
) and not exists (
  select 1 from ${callbacks} o where o.id = c.id and o.kind = c.kind and o.outcome = 'not-found'
    and (o.first_seen, o.refno, o.status, o.fingerprint) < (c.first_seen, c.refno, c.status, c.fingerprint)
)
order by c.early_at limit 1`;
  // Reads without a lock first. A locking read would also lock events that it does not return. Another process would
  // skip them, and stop before everything is done.
  const lockEvent = `/* dragonpay-lock-early */ select 1 from ${callbacks}
where kind = ? and id = ? and refno = ? and status = ? and correction = ? and fingerprint = ?
  and early_at is not null and ${freeAt('claimed_until')} for update skip locked`;
  const leaseEvent = `/* dragonpay-lease-early */ update ${callbacks} set claimed_until = ${inMilliseconds}
where kind = ? and id = ? and refno = ? and status = ? and correction = ? and fingerprint = ?`;

  const claimOne = (db: SqlPool, statement: string, parameters: readonly unknown[]) =>
    inTransaction(db, async (trx) => {
      const [due] = await runSql<InquiryClaim>(trx, statement, parameters);
      if (due !== undefined) await runSql(trx, lease, [due.lease, due.txnid]);
      return due;
    });
  return {
    async claimEarlyEvent(db, lease, kinds) {
      // Under SERIALIZABLE every read locks, until its transaction ends. Two processes that read the same event in the
      // transaction of their claim would both skip it.
      const [due] = await inTransaction(db, (trx) =>
        runSql<EventKey & { correction: string }>(trx, early, [longestLease(lease), [...kinds]]),
      );
      if (due === undefined) return undefined;
      const { kind, id, refno, status, correction, fingerprint } = due;
      const key = [kind, id, refno, status, correction, fingerprint];
      return inTransaction(db, async (trx) => {
        const [free] = await runSql(trx, lockEvent, [...key, longestLease(lease)]);
        if (free === undefined) return undefined;
        await runSql(trx, leaseEvent, [Math.ceil(lease), ...key]);
        return { kind, id, refno, status, fingerprint };
      });
    },
    claimOldest: (db, olderThan, lease) =>
      claimOne(db, oldest, [Math.ceil(lease), Math.ceil(olderThan), longestLease(lease)]),
    claimById: (db, txnid, lease) => claimOne(db, byId, [Math.ceil(lease), txnid, longestLease(lease)]),
    async finishInquiry(db, { txnid, lease }) {
      await runSql(db, finish, [txnid, lease]);
    },
  };
}
