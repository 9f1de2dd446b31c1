import { unknownFingerprint } from '../../../../model/fingerprint.js';
import type { KeptEvent } from '../../../../model/rows.js';
import { mostForms } from '../../../delivered-forms.js';
import { defaultInboxLimit, fromCursor, type InboxFilter } from '../../../inbox-page.js';
import type { Statements } from '../../dialect.js';
import { inboxProtected } from '../../row-protected.js';
import { runSql } from '../../run-sql.js';
import { type StoredEvent, splitReasons, toInboxEvent } from '../../stored-values.js';
import type { QuotedTables } from '../../table-names.js';
import { fromMicroseconds, inMicroseconds } from '../microseconds.js';

type InboxStatements = Pick<Statements, 'readInbox' | 'findEvent' | 'recordFailure' | 'pruneInbox'>;

/** The statements over the inbox, except those that record an event while they move or correct a row. */
export function inboxStatements({ callbacks: table }: QuotedTables): InboxStatements {
  return {
    async readInbox(db, filter) {
      const { statement, parameters } = pageStatement(table, filter);
      return (await runSql<StoredEvent>(db, statement, parameters)).map((event) => toInboxEvent(event, splitReasons));
    },

    async findEvent(db, { kind, id, refno, status, fingerprint = unknownFingerprint }) {
      const statement = `/* dragonpay-event */ select kind, proof, key_id as "keyId", method, raw, fingerprint, forms
from ${table} where kind = $1 and id = $2 and refno = $3 and status = $4 and correction = 0
  and ${areAlike('fingerprint', '$5::text')}
order by fingerprint <> $5::text, first_seen limit 1`;
      return (await runSql<KeptEvent>(db, statement, [kind, id, refno, status, fingerprint]))[0];
    },

    async recordFailure(db, { kind, id, refno, status, fingerprint, proof, method = null, raw, copies = 1 }) {
      const { algorithm, keyId } = proof;
      const values = [kind, id, refno, status, fingerprint, algorithm, keyId, method, raw(), String(copies)];
      const columns = ['kind', 'id', 'refno', 'status', 'fingerprint', 'proof', 'key_id', 'method', 'raw', 'copies'];
      const statement = `/* dragonpay-failed */ with failed as (
  select ${columns.map((column, index) => `$${index + 1}::text as ${column}`).join(', ')}
)
insert into ${table} as c (kind, id, refno, status, fingerprint, proof, key_id, method, raw, deliveries, outcome)
select kind, id, refno, status, ${fingerprintInInbox(table, 'failed')}, proof, key_id, method, raw, copies::integer, 'failed'
from failed
${keepWhatWasApplied('failed')}
returning id`;
      const recorded = await runSql(db, statement, values);
      if (recorded.length === 0) throw inboxProtected();
    },

    async pruneInbox(db, before, limit) {
      // The first condition lets the index be used. It changes nothing: no event is last seen before it was first seen.
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
  // The first condition lets the index of events to review be used.
  if (filter.reason !== undefined) conditions.push(`reasons <> '{}'`, `${parameter(filter.reason)} = any(reasons)`);
  if (filter.since !== undefined)
    conditions.push(`first_seen >= ${fromMicroseconds(parameter(filter.since.getTime() * 1000))}`);
  if (filter.after !== undefined) {
    const { firstSeen, id, kind, refno, status, correction, fingerprint } = fromCursor(filter.after);
    const key = [id, kind, refno, status, correction, fingerprint].map(parameter).join(', ');
    conditions.push(
      `(first_seen, id, kind, refno, status, correction, fingerprint) > (${fromMicroseconds(parameter(firstSeen))}, ${key})`,
    );
  }
  const statement = `/* dragonpay-inbox */ select kind, id, refno, status::text as status,
  ${inMicroseconds('first_seen')} as first, ${inMicroseconds('last_seen')} as last, deliveries::text as deliveries,
  correction::text as correction, fingerprint, outcome, array_to_string(reasons, ',') as reasons, proof, key_id, method, raw
from ${table} where ${conditions.join(' and ')}
order by first_seen, id, kind, refno, status, correction, fingerprint
limit ${parameter(filter.limit ?? defaultInboxLimit)}::integer`;
  return { statement, parameters };
}

/** Whether two fingerprints are of one event, in SQL. See `isSameEvent` in model/fingerprint.ts. */
function areAlike(one: string, other: string): string {
  return `(${one} like ${other} or ${other} like ${one})`;
}

/**
 * SQL for the fingerprint under which a new event is recorded. If it is another delivery of an event of the inbox, that
 * is the fingerprint of that event. Otherwise it is its own. Two new events that arrive together do not see each other.
 * They become two events, unless their fingerprints are equal.
 * @param source the query of the new events in which it is evaluated
 */
export function fingerprintInInbox(table: string, source: string, kind = `${source}.kind`): string {
  return `coalesce((
    select e.fingerprint from ${table} e
    where e.id = ${source}.id and e.kind = ${kind} and e.refno = ${source}.refno and e.status = ${source}.status
      and e.correction = 0 and ${areAlike('e.fingerprint', `${source}.fingerprint`)}
    order by e.fingerprint <> ${source}.fingerprint, e.first_seen limit 1
  ), fingerprint)`;
}

/**
 * Merges an event into the same event of the inbox, `c`. An event that was applied stays applied, and keeps the form
 * and the proof that it was applied from. An event that is still to be applied keeps its outcome and its form if the
 * new delivery does not fit. See `withForm` in repository/delivered-forms.ts for the forms.
 * @param source the query of the new events
 */
export function keepWhatWasApplied(source: string): string {
  const kept = ['outcome', 'proof', 'key_id', 'method', 'raw'];
  const isKept = `c.outcome = 'applied' or (c.outcome in ('not-found', 'failed') and excluded.forms is not null)`;
  return `on conflict (id, kind, refno, status, correction, fingerprint) do update set
    fingerprint = (
      select case when c.fingerprint like s.fingerprint then c.fingerprint else s.fingerprint end
      from ${source} s where s.id = c.id
    ),
    last_seen = greatest(c.last_seen, now()),
    deliveries = c.deliveries + excluded.deliveries,
    reasons = c.reasons || array(select r from unnest(excluded.reasons) r where r <> all(c.reasons)),
    ${kept.map((name) => `${name} = case when ${isKept} then c.${name} else excluded.${name} end`).join(',\n    ')},
    forms = case
      when 'applied' in (c.outcome, excluded.outcome) then null
      when c.forms is null or excluded.forms is null then coalesce(c.forms, excluded.forms)
      when strpos(' ' || c.forms, ' ' || split_part(excluded.forms, '|', 1) || '|') > 0
        or cardinality(string_to_array(c.forms, ' ')) >= ${mostForms} then c.forms
      else c.forms || ' ' || excluded.forms
    end`;
}
