import type { InboxEvent, KeptEvent } from '../../../../model/rows.js';
import { toEventKey } from '../../../event-key.js';
import { defaultInboxLimit, fromCursor, type InboxFilter, toCursor } from '../../../inbox-page.js';
import { redactProofs } from '../../../redact-proofs.js';
import type { Statements } from '../../dialect.js';
import { runSql } from '../../run-sql.js';
import type { QuotedTables } from '../../table-names.js';
import { fromMicroseconds, inMicroseconds, toDate } from '../microseconds.js';

type InboxStatements = Pick<Statements, 'readInbox' | 'findEvent' | 'recordFailure' | 'pruneInbox'>;

/** The statements over the inbox, except those that record an event while they move or correct a row. */
export function inboxStatements({ callbacks: table }: QuotedTables): InboxStatements {
  return {
    async readInbox(db, filter) {
      const { statement, parameters } = pageStatement(table, filter);
      return (await runSql<InboxRow>(db, statement, parameters)).map(toInboxEvent);
    },

    async findEvent(db, { kind, id, refno, status }) {
      const statement = `/* dragonpay-event */ select kind, proof, key_id as "keyId", method, raw from ${table}
where kind = $1 and id = $2 and refno = $3 and status = $4 and correction = 0`;
      return (await runSql<KeptEvent>(db, statement, [kind, id, refno, status]))[0];
    },

    async recordFailure(db, { kind, id, refno, status, proof, method, raw }) {
      const values = [kind, id, refno, status, proof.algorithm, proof.keyId, method ?? null, raw()];
      const statement = `/* dragonpay-failed */ insert into ${table} as c
  (kind, id, refno, status, proof, key_id, method, raw, outcome)
values (${values.map((_, index) => `$${index + 1}`).join(', ')}, 'failed')
${keepWhatWasApplied()}`;
      await runSql(db, statement, values);
    },

    async pruneInbox(db, before, limit) {
      // An event is never last seen before it was first seen: the first condition lets the index serve.
      const statement = `/* dragonpay-prune */ with old as (
  select ctid from ${table}
  where first_seen < ${fromMicroseconds('$1')} and last_seen < ${fromMicroseconds('$1')}
  order by first_seen limit $2::integer for update skip locked
), deleted as (
  delete from ${table} where ctid = any(array(select ctid from old)) returning 1
)
select count(*)::text as count from deleted`;
      const [deleted] = await runSql<{ count: string }>(db, statement, [String(before.getTime() * 1000), limit]);
      return Number(deleted?.count ?? 0);
    },
  };
}

/** Reads by the key of the index: each page costs the same, however far into the inbox it is. */
function pageStatement(table: string, filter: InboxFilter): { statement: string; parameters: unknown[] } {
  const parameters: unknown[] = [];
  const parameter = (value: unknown) => `$${parameters.push(value)}`;
  const conditions = ['true'];
  const id = filter.txnid ?? filter.merchantTxnId;
  if (id !== undefined) {
    const kind = filter.txnid === undefined ? 'payout' : 'payment';
    conditions.push(`id = ${parameter(id)}`, `kind = ${parameter(kind)}`);
  }
  if (filter.outcome !== undefined) conditions.push(`outcome = ${parameter(filter.outcome)}`);
  // The first condition lets the index of events to review serve.
  if (filter.reason !== undefined) conditions.push(`reasons <> '{}'`, `${parameter(filter.reason)} = any(reasons)`);
  if (filter.since !== undefined)
    conditions.push(`first_seen >= ${fromMicroseconds(parameter(filter.since.getTime() * 1000))}`);
  if (filter.after !== undefined) {
    const { firstSeen, id, kind, refno, status, correction } = fromCursor(filter.after);
    const key = [id, kind, refno, status, correction].map(parameter).join(', ');
    conditions.push(
      `(first_seen, id, kind, refno, status, correction) > (${fromMicroseconds(parameter(firstSeen))}, ${key})`,
    );
  }
  const statement = `/* dragonpay-inbox */ select kind, id, refno, status::text as status,
  ${inMicroseconds('first_seen')} as first, ${inMicroseconds('last_seen')} as last, deliveries::text as deliveries,
  correction::text as correction, outcome, array_to_string(reasons, ',') as reasons, proof, key_id, method, raw
from ${table} where ${conditions.join(' and ')}
order by first_seen, id, kind, refno, status, correction
limit ${parameter(filter.limit ?? defaultInboxLimit)}::integer`;
  return { statement, parameters };
}

/**
 * Merges an event into the same event of the inbox, `c`. An event that was applied stays applied, and keeps the form
 * and the proof that it was applied from.
 */
export function keepWhatWasApplied(): string {
  const kept = ['outcome', 'proof', 'key_id', 'method', 'raw'];
  return `on conflict (id, kind, refno, status, correction) do update set
    last_seen = now(),
    deliveries = c.deliveries + excluded.deliveries,
    reasons = c.reasons || array(select r from unnest(excluded.reasons) r where r <> all(c.reasons)),
    ${kept.map((name) => `${name} = case when c.outcome = 'applied' then c.${name} else excluded.${name} end`).join(',\n    ')}`;
}

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
