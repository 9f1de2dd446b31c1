import { isSameEvent, moreExactFingerprint, unknownFingerprint } from '../../../../model/fingerprint.js';
import type { EventKey, KeptEvent, KeptOutcome, ReviewReason } from '../../../../model/rows.js';
import type { VerifiedCallback } from '../../../../model/verified-callback.js';
import type { CallbackKind } from '../../../../protocol/kinds.js';
import { deliveredForm, mostForms } from '../../../delivered-forms.js';
import { allReasons, defaultInboxLimit, fromCursor, type InboxFilter } from '../../../inbox-page.js';
import type { Statements } from '../../dialect.js';
import { rowProtected } from '../../row-protected.js';
import { runSql, type SqlRunner } from '../../run-sql.js';
import { schema, tableOfKind } from '../../schema.js';
import { type StoredEvent, splitReasons, toInboxEvent } from '../../stored-values.js';
import type { QuotedTables } from '../../table-names.js';
import { fromMicroseconds, inMicroseconds, now } from '../microseconds.js';
import { inTransaction } from '../transaction.js';

type InboxStatements = Pick<Statements, 'readInbox' | 'findEvent' | 'recordFailure' | 'pruneInbox'>;

/** The statements over the inbox, except those that record an event while they move or correct a row. */
export function inboxStatements(tables: QuotedTables): InboxStatements {
  const { callbacks: table } = tables;
  return {
    async readInbox(db, filter) {
      const { statement, parameters } = pageStatement(table, filter);
      return (await runSql<StoredEvent>(db, statement, parameters)).map((event) => toInboxEvent(event, splitReasons));
    },

    async findEvent(db, { kind, id, refno, status, fingerprint = unknownFingerprint }) {
      const statement = `/* dragonpay-event */ select kind, proof, key_id as keyId, method, raw, fingerprint, forms
from ${table} where kind = ? and id = ? and refno = ? and status = ? and correction = 0
  and (fingerprint like ? or ? like fingerprint)
order by fingerprint <> ?, first_seen limit 1`;
      const parameters = [kind, id, refno, status, fingerprint, fingerprint, fingerprint];
      return (await runSql<KeptEvent>(db, statement, parameters))[0];
    },

    async recordFailure(db, callback) {
      const { kind, id, refno, status } = callback;
      const statement = `/* dragonpay-known */ select kind, id, refno, status, fingerprint
from ${table} where kind = ? and id = ? and refno = ? and status = ? and correction = 0 order by first_seen`;
      const known = await runSql<KnownEvent>(db, statement, [kind, id, refno, status]);
      await recordEvents(db, tables, [{ callback, outcome: 'failed', reasons: [] }], known);
    },

    async pruneInbox(db, before, limit) {
      const time = String(before.getTime() * 1000);
      const key = schema.callbacks.key.join(', ');
      return inTransaction(db, async (trx) => {
        // DELETE cannot skip locked rows, so SELECT locks them first. No event is last seen before it was first seen,
        // so the condition on first_seen changes nothing and lets the index be used. `force index`: a scan of the table
        // would wait for locked rows that are not deleted.
        const select = `/* dragonpay-old */ select ${key} from ${table}
where first_seen < ${fromMicroseconds} and last_seen < ${fromMicroseconds}
order by first_seen limit ? for update skip locked`;
        const old = await runSql<Record<string, unknown>>(trx, select, [time, time, limit]);
        const keys = old.map((event) => schema.callbacks.key.map((column) => event[column]));
        const statement = `/* dragonpay-prune */ delete c from ${table} c force index (primary) where (${key}) in (?)`;
        if (keys.length > 0) await runSql(trx, statement, [keys]);
        return keys.length;
      });
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
  // `review_at` has an index of its own. For events to review, it equals `first_seen`.
  const time = filter.reason === undefined ? 'first_seen' : 'review_at';
  const id = filter.txnid ?? filter.merchantTxnId;
  if (id !== undefined) where('id = ? and kind = ?', id, filter.txnid === undefined ? 'payout' : 'payment');
  if (filter.outcome !== undefined) where('outcome = ?', filter.outcome);
  if (filter.reason !== undefined) where('review_at is not null and find_in_set(?, reasons)', filter.reason);
  if (filter.since !== undefined) where(`${time} >= ${fromMicroseconds}`, String(filter.since.getTime() * 1000));
  if (filter.after !== undefined) {
    const { firstSeen, id, kind, refno, status, correction, fingerprint } = fromCursor(filter.after);
    // A comparison of several columns uses no index, so the first column is compared alone, too.
    where(`${time} >= ${fromMicroseconds}`, firstSeen);
    const key = [id, kind, refno, status, correction, fingerprint];
    where(`(${time}, id, kind, refno, status, correction, fingerprint) > (${fromMicroseconds}, ?)`, firstSeen, key);
  }
  const statement = `/* dragonpay-inbox */ select kind, id, refno, status, ${inMicroseconds('first_seen')} as first,
  ${inMicroseconds('last_seen')} as last, cast(deliveries as char) as deliveries,
  cast(correction as char) as correction, fingerprint, outcome, reasons, proof, key_id, method, raw
from ${table} c where ${conditions.join(' and ')}
order by ${time}, id, kind, refno, status, c.correction, fingerprint
limit ?`;
  return { statement, parameters: [...parameters, filter.limit ?? defaultInboxLimit] };
}

/** An event of the inbox. */
export type KnownEvent = EventKey & { readonly fingerprint: string };

/** An event that a statement records. */
export interface RecordedEvent {
  readonly callback: VerifiedCallback;
  readonly outcome: KeptOutcome;
  readonly reasons: readonly ReviewReason[];
  /** The statuses that the row must have reached now. Given only if the event moved its row. */
  readonly reached?: string;
}

/**
 * Records callbacks as events, in the order of their ids, so that two transactions do not wait for each other. If a
 * known event has the fingerprint of a callback, the callback is another delivery of that event. Otherwise, it is
 * another delivery of the oldest known event with a matching fingerprint. Without one, it is a new event.
 * @param known the events of these callbacks that are in the inbox, the oldest first
 * @throws DragonpayError `row-protected` if a row is not as it was moved
 */
export async function recordEvents(
  db: SqlRunner,
  tables: QuotedTables,
  recorded: readonly RecordedEvent[],
  known: readonly KnownEvent[],
): Promise<void> {
  if (recorded.length === 0) return;
  const rows: string[] = [];
  const parameters: unknown[] = [];
  for (const { callback, outcome, reasons, reached } of [...recorded].sort(byId)) {
    const { kind, id, refno, status, proof, method = null, copies = 1 } = callback;
    const fingerprint = await settleFingerprint(db, tables.callbacks, callback, known);
    const forms = deliveredForm(callback, outcome);
    const decided = reached === undefined ? { text: '?', parameters: [outcome] } : appliedIf(tables, callback, reached);
    rows.push(`(?, ${decided.text}, ?)`);
    parameters.push([kind, id, refno, status, fingerprint], ...decided.parameters);
    parameters.push([reasons.join(','), proof.algorithm, proof.keyId, method, callback.raw(), copies, forms]);
  }
  const statement = `/* dragonpay-record */ insert into ${tables.callbacks}
  (kind, id, refno, status, fingerprint, outcome, reasons, proof, key_id, method, raw, deliveries, forms)
values ${rows.join(', ')}
${keepWhatWasApplied}`;
  await runSql(db, statement, parameters).catch(asProtected(recorded[0]?.callback.kind));
}

/**
 * SQL for the outcome of an event: `applied`, or null if a trigger kept its row from the change. The column refuses
 * null, so that the statement fails.
 */
export function appliedIf(
  tables: QuotedTables,
  { kind, id, refno, status }: Omit<EventKey, 'refno'> & { readonly refno: string | null },
  reached: string,
) {
  const key = tableOfKind[kind];
  const text = `(select if(status = ? and reached = ? and refno <=> ?, 'applied', null) from ${tables[key]} where ${schema[key].key} = ?)`;
  return { text, parameters: [status, reached, refno, id] };
}

/**
 * Recognizes the refusal of {@link appliedIf}. NOT NULL refuses, or without strict mode a check, whose error has
 * another number in MySQL than in MariaDB.
 */
export function asProtected(kind: CallbackKind = 'payment') {
  return (error: unknown): never => {
    const { errno, message = '' } = error as { errno?: number; message?: string };
    throw [1048, 4025, 3819].includes(errno ?? 0) && message.includes('outcome') ? rowProtected(kind) : error;
  };
}

/**
 * Finds the event of which a callback is another delivery. If the callback makes the fingerprint of the event more
 * exact, stores the new one. Resolves to the fingerprint of the event. For a new event, this is the fingerprint of the
 * callback.
 */
async function settleFingerprint(
  db: SqlRunner,
  table: string,
  callback: VerifiedCallback,
  known: readonly KnownEvent[],
): Promise<string> {
  const alike = known.filter(
    (event) => toRowKey(event) === toRowKey(callback) && isSameEvent(event.fingerprint, callback.fingerprint),
  );
  const event: KnownEvent =
    alike.find(({ fingerprint }) => fingerprint === callback.fingerprint) ?? alike[0] ?? callback;
  const fingerprint = moreExactFingerprint(event.fingerprint, callback.fingerprint);
  if (fingerprint !== event.fingerprint) {
    const statement = `/* dragonpay-fingerprint */ update ${table} set fingerprint = ?
where id = ? and kind = ? and refno = ? and status = ? and correction = 0 and fingerprint = ?`;
    const { kind, id, refno, status } = callback;
    await runSql(db, statement, [fingerprint, id, kind, refno, status, event.fingerprint]);
  }
  return fingerprint;
}

function byId(one: RecordedEvent, other: RecordedEvent): number {
  return one.callback.id < other.callback.id ? -1 : 1;
}

function toRowKey({ kind, id, refno, status }: EventKey): string {
  return [kind, id, refno, status].join(':');
}

/** Reasons are separated by commas. New ones are added at the end. */
const mergedReasons = `concat_ws(',', nullif(reasons, ''), ${allReasons
  .map(
    (reason) =>
      `if(find_in_set('${reason}', values(reasons)) and not find_in_set('${reason}', reasons), '${reason}', null)`,
  )
  .join(', ')})`;

/** SQL for whether the event in the inbox keeps its outcome and its form. */
const isKept = `outcome = 'applied' or (outcome in ('not-found', 'failed') and values(forms) is not null)`;

/**
 * Merges an event into the same event of the inbox. An event that was applied stays applied, and keeps the form and the
 * proof that it was applied from. An event that is still to be applied keeps its outcome and its form if the new
 * delivery does not fit. See `withForm` in repository/delivered-forms.ts for the forms. `outcome` must come last: the
 * server assigns from left to right, and the other assignments read the old outcome.
 */
const keepWhatWasApplied = `on duplicate key update
  last_seen = greatest(last_seen, ${now}),
  deliveries = deliveries + values(deliveries),
  reasons = ${mergedReasons},
  forms = case
    when 'applied' in (outcome, values(outcome)) then null
    when forms is null or values(forms) is null then coalesce(forms, values(forms))
    when locate(concat(' ', substring_index(values(forms), '|', 1), '|'), concat(' ', forms)) > 0
      or char_length(forms) - char_length(replace(forms, ' ', '')) >= ${mostForms - 1} then forms
    else concat(forms, ' ', values(forms))
  end,
  ${['proof', 'key_id', 'method', 'raw', 'outcome'].map((name) => `${name} = if(${isKept}, ${name}, values(${name}))`).join(',\n  ')}`;
