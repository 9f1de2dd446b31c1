import { CompiledQuery, type Kysely } from 'kysely';
import type { EventKey, InboxEvent, KeptEvent } from '../../../../model/rows.js';
import type { VerifiedCallback } from '../../../../model/verified-callback.js';
import { toEventKey } from '../../../event-key.js';
import { defaultInboxLimit, fromCursor, type InboxFilter, toCursor } from '../../../inbox-page.js';
import { redactProofs } from '../../../redact-proofs.js';
import { inMicroseconds, toDate } from '../stored-rows.js';
import { keepWhatWasApplied } from './move.js';

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

/** Reads one event with its proofs, for `replay()`. */
export async function findKeptEvent<Database>(
  db: Kysely<Database>,
  table: string,
  { kind, id, refno, status }: EventKey,
): Promise<KeptEvent | undefined> {
  const { rows } = await db.executeQuery<KeptEvent>(
    CompiledQuery.raw(
      `/* dragonpay-event */ select kind, proof, key_id as "keyId", method, raw from ${table}
where kind = $1 and id = $2 and refno = $3 and status = $4 and correction = 0`,
      [kind, id, refno, status],
    ),
  );
  return rows[0];
}

/** Notes an event whose transaction was rolled back, unless it was applied meanwhile. */
export async function recordFailedEvent<Database>(
  db: Kysely<Database>,
  table: string,
  { kind, id, refno, status, proof, method, raw }: VerifiedCallback,
): Promise<void> {
  const values = [kind, id, refno, status, proof.algorithm, proof.keyId, method ?? null, raw()];
  await db.executeQuery(
    CompiledQuery.raw(
      `/* dragonpay-failed */ insert into ${table} as c (kind, id, refno, status, proof, key_id, method, raw, outcome)
values (${values.map((_, index) => `$${index + 1}`).join(', ')}, 'failed')
${keepWhatWasApplied()}`,
      values,
    ),
  );
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
