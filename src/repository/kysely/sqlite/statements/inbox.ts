import { unknownFingerprint } from '../../../../model/fingerprint.js';
import type { KeptEvent, KeptOutcome, ReviewReason } from '../../../../model/rows.js';
import type { VerifiedCallback } from '../../../../model/verified-callback.js';
import { deliveredForm, mostForms } from '../../../delivered-forms.js';
import { defaultInboxLimit, fromCursor, type InboxFilter } from '../../../inbox-page.js';
import type { Statements } from '../../dialect.js';
import { inboxProtected } from '../../row-protected.js';
import type { SqlRunner } from '../../run-sql.js';
import { type StoredEvent, toInboxEvent } from '../../stored-values.js';
import type { QuotedTables } from '../../table-names.js';
import { now } from '../microseconds.js';
import { runNumbered } from '../run-numbered.js';

type InboxStatements = Pick<Statements, 'readInbox' | 'findEvent' | 'recordFailure' | 'pruneInbox'>;

/** The statements over the inbox, except those that correct a row. */
export function inboxStatements(tables: QuotedTables): InboxStatements {
  const { callbacks: table } = tables;
  const record = recordStatement(tables);
  return {
    async readInbox(db, filter) {
      const { statement, parameters } = pageStatement(table, filter);
      return (await runNumbered<StoredEvent>(db, statement, parameters)).map((event) =>
        toInboxEvent(event, JSON.parse),
      );
    },

    async findEvent(db, { kind, id, refno, status, fingerprint = unknownFingerprint }) {
      const statement = `/* dragonpay-event */ select kind, proof, key_id as "keyId", method, raw, fingerprint, forms
from ${table} where kind = ?1 and id = ?2 and refno = ?3 and status = ?4 and correction = 0
  and ${areAlike('fingerprint', '?5')}
order by fingerprint <> ?5, first_seen limit 1`;
      return (await runNumbered<KeptEvent>(db, statement, [kind, id, refno, status, fingerprint]))[0];
    },

    async recordFailure(db, callback) {
      await record.run(db, [{ callback, outcome: 'failed', reasons: [] }]);
    },

    async pruneInbox(db, before, limit) {
      // The first condition lets the index be used. It changes nothing: no event is last seen before it was first seen.
      const statement = `/* dragonpay-prune */ delete from ${table} where rowid in (
  select rowid from ${table} where first_seen < ?1 and last_seen < ?1 order by first_seen limit ?2
) returning 1 as deleted`;
      return (await runNumbered(db, statement, [before.getTime() * 1000, limit])).length;
    },
  };
}

/** An event that a statement records. */
export interface RecordedEvent {
  readonly callback: VerifiedCallback;
  readonly outcome: KeptOutcome;
  readonly reasons: readonly ReviewReason[];
}

/** The columns of a new event, each with its name in the JSON of the parameter. */
const given = [
  'kind',
  'id',
  'refno',
  'status',
  'deliveries',
  'outcome',
  'reasons',
  'proof',
  'key_id',
  'method',
  'raw',
  'forms',
];

/**
 * Records events, at most one for each id. An event that the inbox has already is merged: an event that was applied
 * stays applied, and keeps the form and the proof that it was applied from. An event that is still to be applied keeps
 * its outcome and its form if the new delivery does not fit. See `withForm` in repository/delivered-forms.ts for the
 * forms. A delivery of a known event gets the fingerprint of that event. A new event keeps its own. Resolves to the
 * rows of the events as triggers left them.
 * @throws DragonpayError `row-protected` if a trigger kept an event from being recorded
 */
export function recordStatement({ callbacks: table, transactions, payouts }: QuotedTables) {
  const seen = firstSeen(table, '?2', 'n.id', 'n.kind');
  const kept = ['outcome', 'proof', 'key_id', 'method', 'raw'];
  const isKept = `c.outcome = 'applied' or (c.outcome in ('not-found', 'failed') and excluded.forms is not null)`;
  const stored = `select e.fingerprint from ${table} e
      where e.id = n.id and e.kind = n.kind and e.refno = n.refno and e.status = n.status and e.correction = 0`;
  const statement = `/* dragonpay-record */ insert into ${table} as c
  (${given.join(', ')}, first_seen, last_seen, fingerprint)
select ${given.map((column) => `n.${column}`).join(', ')}, ${seen}, ${seen}, coalesce(
    (${stored} and e.fingerprint = n.fingerprint),
    (${stored} and ${areAlike('e.fingerprint', 'n.fingerprint')} order by e.first_seen limit 1),
    n.fingerprint)
from (
  select ${[...given, 'fingerprint'].map((column) => `value ->> '${column}' as ${column}`).join(', ')} from json_each(?1)
) n where true
on conflict (id, kind, refno, status, correction, fingerprint) do update set
  fingerprint = (
    select case when c.fingerprint like n.value ->> 'fingerprint' then c.fingerprint else n.value ->> 'fingerprint' end
    from json_each(?1) n where n.value ->> 'id' = c.id
  ),
  last_seen = max(c.last_seen, ?2),
  deliveries = c.deliveries + excluded.deliveries,
  reasons = case when excluded.reasons = '[]' then c.reasons else (
    select json_group_array(value) from (
      select value from json_each(c.reasons)
      union all
      select value from json_each(excluded.reasons) where value not in (select value from json_each(c.reasons))
    )
  ) end,
  ${kept.map((name) => `${name} = case when ${isKept} then c.${name} else excluded.${name} end`).join(',\n  ')},
  forms = case
    when 'applied' in (c.outcome, excluded.outcome) then null
    when c.forms is null or excluded.forms is null then coalesce(c.forms, excluded.forms)
    when instr(' ' || c.forms, ' ' || substr(excluded.forms, 1, instr(excluded.forms, '|'))) > 0
      or length(c.forms) - length(replace(c.forms, ' ', '')) >= ${mostForms - 1} then c.forms
    else c.forms || ' ' || excluded.forms
  end
returning id, case kind
  when 'payment' then (select r.reached || r.status from ${transactions} r where r.txnid = id)
  else (select r.reached || r.status from ${payouts} r where r.merchant_txn_id = id)
end as reached`;
  return {
    async run(trx: SqlRunner, events: readonly RecordedEvent[]): Promise<readonly RowOfEvent[]> {
      const rows = await runNumbered<RowOfEvent>(trx, statement, [JSON.stringify(events.map(valuesOf)), now()]);
      if (rows.length < events.length) throw inboxProtected();
      return rows;
    },
  };
}

interface RowOfEvent {
  readonly id: string;
  /** The statuses that the row has reached, followed by its status. `null`: there is no row. */
  readonly reached: string | null;
}

function valuesOf({ callback, outcome, reasons }: RecordedEvent): Readonly<Record<string, unknown>> {
  const { kind, id, refno, status, fingerprint, copies = 1, proof, method = null } = callback;
  return {
    ...{ kind, id, refno, status, fingerprint, outcome, reasons, method },
    deliveries: copies,
    proof: proof.algorithm,
    key_id: proof.keyId,
    raw: callback.raw(),
    forms: deliveredForm(callback, outcome),
  };
}

/** The time of a new event: later than all events of its row, so that the inbox has them in the order of arrival. */
export function firstSeen(table: string, time: string, id: string, kind: string): string {
  return `max(${time}, 1 + coalesce((select max(o.first_seen) from ${table} o where o.id = ${id} and o.kind = ${kind}), 0))`;
}

/** Whether two fingerprints are of one event, in SQL. See `isSameEvent` in model/fingerprint.ts. */
function areAlike(one: string, other: string): string {
  return `(${one} like ${other} or ${other} like ${one})`;
}

/** Reads by the key of the index: each page costs the same, however far into the inbox it is. */
function pageStatement(table: string, filter: InboxFilter): { statement: string; parameters: unknown[] } {
  const parameters: unknown[] = [];
  const parameter = (value: unknown) => `?${parameters.push(value)}`;
  const conditions = ['true'];
  const id = filter.txnid ?? filter.merchantTxnId;
  if (id !== undefined) {
    const kind = filter.txnid === undefined ? 'payout' : 'payment';
    conditions.push(`id = ${parameter(id)}`, `kind = ${parameter(kind)}`);
  }
  if (filter.outcome !== undefined) conditions.push(`outcome = ${parameter(filter.outcome)}`);
  // The first condition lets the index of events to review be used.
  if (filter.reason !== undefined) {
    conditions.push(`reasons <> '[]'`, `instr(reasons, ${parameter(JSON.stringify(filter.reason))}) > 0`);
  }
  if (filter.since !== undefined) conditions.push(`first_seen >= ${parameter(filter.since.getTime() * 1000)}`);
  if (filter.after !== undefined) {
    const { firstSeen, id, kind, refno, status, correction, fingerprint } = fromCursor(filter.after);
    const key = [Number(firstSeen), id, kind, refno, status, correction, fingerprint].map(parameter).join(', ');
    conditions.push(`(first_seen, id, kind, refno, status, correction, fingerprint) > (${key})`);
  }
  const statement = `/* dragonpay-inbox */ select kind, id, refno, status, cast(first_seen as text) as first,
  cast(last_seen as text) as last, deliveries, correction, fingerprint, outcome, reasons, proof, key_id, method, raw
from ${table} where ${conditions.join(' and ')}
order by first_seen, id, kind, refno, status, correction, fingerprint
limit ${parameter(filter.limit ?? defaultInboxLimit)}`;
  return { statement, parameters };
}
