import { CompiledQuery, type Kysely } from 'kysely';
import { defaultInboxLimit, fromCursor, type InboxFilter, toCursor } from '../inbox-filter.js';
import { redactProofs } from '../redact-proofs.js';
import type { InboxEvent } from '../rows.js';
import { inMicroseconds, toDate } from './stored-rows.js';

/** Reads a page of the inbox, by its key: a page costs the same wherever it is. `table` is quoted. */
export async function readInbox<Database>(
  db: Kysely<Database>,
  table: string,
  filter: InboxFilter,
): Promise<InboxEvent[]> {
  const parameters: unknown[] = [];
  const parameter = (value: unknown) => `$${parameters.push(value)}`;
  const conditions = ['true'];
  const id = filter.txnid ?? filter.merchantTxnId;
  if (id !== undefined) {
    const kind = filter.txnid === undefined ? 'payout' : 'payment';
    conditions.push(`id = ${parameter(id)}`, `kind = ${parameter(kind)}`);
  }
  if (filter.outcome !== undefined) conditions.push(`outcome = ${parameter(filter.outcome)}`);
  // Said twice, so that the index of events to review serves.
  if (filter.reason !== undefined) conditions.push(`reasons <> '{}'`, `${parameter(filter.reason)} = any(reasons)`);
  if (filter.since !== undefined)
    conditions.push(`first_seen >= ${fromMicroseconds(parameter(filter.since.getTime() * 1000))}`);
  if (filter.after !== undefined) {
    const { firstSeen, id, kind, refno, status } = fromCursor(filter.after);
    const key = [id, kind, refno, status].map(parameter).join(', ');
    conditions.push(`(first_seen, id, kind, refno, status) > (${fromMicroseconds(parameter(firstSeen))}, ${key})`);
  }
  const statement = `/* dragonpay-inbox */ select kind, id, refno, status::text as status,
  ${inMicroseconds('first_seen')} as first, ${inMicroseconds('last_seen')} as last, deliveries::text as deliveries,
  outcome, array_to_string(reasons, ',') as reasons, proof, key_id, method, raw
from ${table} where ${conditions.join(' and ')}
order by first_seen, id, kind, refno, status
limit ${parameter(filter.limit ?? defaultInboxLimit)}::integer`;
  const { rows } = await db.executeQuery<InboxRow>(CompiledQuery.raw(statement, parameters));
  return rows.map(toInboxEvent);
}

function fromMicroseconds(parameter: string): string {
  return `timestamptz 'epoch' + ${parameter}::bigint * interval '1 microsecond'`;
}

interface InboxRow extends Record<string, string> {
  readonly first: string;
  readonly last: string;
  readonly deliveries: string;
  readonly reasons: string;
  readonly key_id: string;
  readonly raw: string;
}

function toInboxEvent({ first, last, deliveries, reasons, key_id, raw, ...event }: InboxRow): InboxEvent {
  const { kind, id, refno, status } = event as unknown as InboxEvent;
  return {
    ...event,
    cursor: toCursor({ firstSeen: first, id, kind, refno, status }),
    firstSeen: toDate(first),
    lastSeen: toDate(last),
    deliveries: Number(deliveries),
    reasons: reasons === '' ? [] : reasons.split(','),
    keyId: key_id,
    raw: redactProofs(raw),
  } as unknown as InboxEvent;
}

/** Deletes at most `limit` events that were last seen before a time. How many it deleted. */
export async function pruneInboxBatch<Database>(
  db: Kysely<Database>,
  table: string,
  before: Date,
  limit: number,
): Promise<number> {
  const { rows } = await db.executeQuery<{ count: string }>(
    CompiledQuery.raw(
      `/* dragonpay-prune */ with old as (
  select ctid from ${table}
  where first_seen < ${fromMicroseconds('$1')} and last_seen < ${fromMicroseconds('$1')}
  order by first_seen limit $2::integer for update skip locked
), deleted as (
  delete from ${table} where ctid = any(array(select ctid from old)) returning 1
)
select count(*)::text as count from deleted`,
      [String(before.getTime() * 1000), limit],
    ),
  );
  return Number(rows[0]?.count ?? 0);
}
