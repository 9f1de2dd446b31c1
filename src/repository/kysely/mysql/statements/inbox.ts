import { CompiledQuery } from 'kysely';
import type { InboxEvent, KeptEvent, ReviewReason } from '../../../../model/rows.js';
import { toEventKey } from '../../../event-key.js';
import { defaultInboxLimit, fromCursor, type InboxFilter, toCursor } from '../../../inbox-page.js';
import { redactProofs } from '../../../redact-proofs.js';
import type { Statements } from '../../dialect.js';
import { runSql } from '../../run-sql.js';
import type { QuotedTables } from '../../table-names.js';
import { fromMicroseconds, inMicroseconds, now, toDate } from '../microseconds.js';

type InboxStatements = Pick<Statements, 'readInbox' | 'findEvent' | 'recordFailure' | 'pruneInbox'>;

/** The statements over the inbox, except those that record an event while they move or correct a row. */
export function inboxStatements({ callbacks: table }: QuotedTables): InboxStatements {
  return {
    async readInbox(db, filter) {
      const { statement, parameters } = pageStatement(table, filter);
      return (await runSql<InboxRow>(db, statement, parameters)).map(toInboxEvent);
    },

    async findEvent(db, { kind, id, refno, status }) {
      const statement = `/* dragonpay-event */ select kind, proof, key_id as keyId, method, raw from ${table}
where kind = ? and id = ? and refno = ? and status = ? and correction = 0`;
      return (await runSql<KeptEvent>(db, statement, [kind, id, refno, status]))[0];
    },

    async recordFailure(db, { kind, id, refno, status, proof, method, raw }) {
      const values = [kind, id, refno, status, proof.algorithm, proof.keyId, method ?? null, raw()];
      const statement = `/* dragonpay-failed */ insert into ${table}
  (kind, id, refno, status, proof, key_id, method, raw, outcome)
values (?, 'failed')
${keepWhatWasApplied}`;
      await runSql(db, statement, [values]);
    },

    async pruneInbox(db, before, limit) {
      // An event is never last seen before it was first seen: the first condition lets the index serve.
      const statement = `/* dragonpay-prune */ delete from ${table}
where first_seen < ${fromMicroseconds} and last_seen < ${fromMicroseconds}
order by first_seen limit ?`;
      const time = String(before.getTime() * 1000);
      const { numAffectedRows = 0n } = await db.executeQuery(CompiledQuery.raw(statement, [time, time, limit]));
      return Number(numAffectedRows);
    },
  };
}

/** Reads by the key of an index: each page costs the same, however far into the inbox it is. */
function pageStatement(table: string, filter: InboxFilter): { statement: string; parameters: unknown[] } {
  const parameters: unknown[] = [];
  const conditions = ['true'];
  const where = (condition: string, ...values: readonly unknown[]) => {
    conditions.push(condition);
    parameters.push(...values);
  };
  // Equal, where the event is to be reviewed, but with an index of its own.
  const time = filter.reason === undefined ? 'first_seen' : 'review_at';
  const id = filter.txnid ?? filter.merchantTxnId;
  if (id !== undefined) where('id = ? and kind = ?', id, filter.txnid === undefined ? 'payout' : 'payment');
  if (filter.outcome !== undefined) where('outcome = ?', filter.outcome);
  if (filter.reason !== undefined) where('review_at is not null and find_in_set(?, reasons)', filter.reason);
  if (filter.since !== undefined) where(`${time} >= ${fromMicroseconds}`, String(filter.since.getTime() * 1000));
  if (filter.after !== undefined) {
    const { firstSeen, id, kind, refno, status, correction } = fromCursor(filter.after);
    // A comparison of several columns uses no index: the first one does.
    where(`${time} >= ${fromMicroseconds}`, firstSeen);
    where(`(${time}, id, kind, refno, status, correction) > (${fromMicroseconds}, ?)`, firstSeen, [
      id,
      kind,
      refno,
      status,
      correction,
    ]);
  }
  const statement = `/* dragonpay-inbox */ select kind, id, refno, status, ${inMicroseconds('first_seen')} as first,
  ${inMicroseconds('last_seen')} as last, cast(deliveries as char) as deliveries,
  cast(correction as char) as correction, outcome, reasons, proof, key_id, method, raw
from ${table} where ${conditions.join(' and ')}
order by ${time}, id, kind, refno, status, correction
limit ?`;
  return { statement, parameters: [...parameters, filter.limit ?? defaultInboxLimit] };
}

/** In the order in which one event has them. */
const allReasons: readonly ReviewReason[] = Object.keys({
  amount: true,
  currency: true,
  refno: true,
  late: true,
  stale: true,
  'not-found': true,
  unrecognized: true,
  corrected: true,
} satisfies Record<ReviewReason, true>) as ReviewReason[];

/** Reasons are separated by commas. New ones are added at the end. */
const mergedReasons = `concat_ws(',', nullif(reasons, ''), ${allReasons
  .map(
    (reason) =>
      `if(find_in_set('${reason}', values(reasons)) and not find_in_set('${reason}', reasons), '${reason}', null)`,
  )
  .join(', ')})`;

/**
 * Merges an event into the same event of the inbox. An event that was applied stays applied, and keeps the form and the
 * proof that it was applied from. `outcome` comes last: the server assigns from left to right, and the others read it.
 */
export const keepWhatWasApplied = `on duplicate key update
  last_seen = ${now},
  deliveries = deliveries + values(deliveries),
  reasons = ${mergedReasons},
  ${['proof', 'key_id', 'method', 'raw', 'outcome'].map((name) => `${name} = if(outcome = 'applied', ${name}, values(${name}))`).join(',\n  ')}`;

interface InboxRow extends Record<string, string> {
  readonly first: string;
  readonly last: string;
  readonly deliveries: string;
  readonly reasons: string;
  readonly correction: string;
  readonly key_id: string;
  readonly raw: string;
}

function toInboxEvent({ first, last, deliveries, correction, reasons, key_id, raw, ...event }: InboxRow): InboxEvent {
  const { kind, id, refno, status } = event as unknown as InboxEvent;
  return {
    ...event,
    key: toEventKey({ kind, id, refno, status }, Number(correction)),
    cursor: toCursor({ firstSeen: first, id, kind, refno, status, correction: Number(correction) }),
    firstSeen: toDate(first),
    lastSeen: toDate(last),
    deliveries: Number(deliveries),
    reasons: reasons === '' ? [] : reasons.split(','),
    keyId: key_id,
    raw: redactProofs(raw),
  } as unknown as InboxEvent;
}
