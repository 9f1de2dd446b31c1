import { quoteName, quoteTables, type TableNames } from '../../tables.js';
import { isOpen, lastNews } from '../statements/claims.js';

/** Migration 0002: claims of open payments for inquiries, and what of the inbox did not come by a request. */
export function nothingForgotten(names: TableNames): { up: string[]; down: string[] } {
  const { transactions, callbacks } = quoteTables(names);
  const openIndex = quoteName(`${names.transactions ?? 'dragonpay_transactions'}_open`);
  const schema = names.schema === undefined ? '' : `${quoteName(names.schema)}.`;
  return {
    up: [
      `alter table ${transactions}
  add column inquired_at timestamptz,
  add column inquiry_leased_until timestamptz`,
      `create index ${openIndex} on ${transactions} ((${lastNews})) where ${isOpen}`,
      dropChecks(callbacks, ['proof', 'method', 'outcome']),
      `alter table ${callbacks}
  alter column proof type varchar(10),
  alter column method drop not null,
  add check (proof in ('rsa', 'hmac', 'sha1', 'inquiry', 'manual')),
  add check (method in ('GET', 'POST')),
  add check (outcome in ('applied', 'duplicate', 'stale', 'mismatch', 'not-found', 'unrecognized', 'failed'))`,
      // Corrections of one payment to one status are numbered; 0 for what Dragonpay said.
      `alter table ${callbacks} add column correction smallint not null default 0 check (correction >= 0)`,
      dropPrimaryKey(callbacks),
      `alter table ${callbacks} add primary key (id, kind, refno, status, correction)`,
    ],
    down: [
      `delete from ${callbacks} where proof in ('inquiry', 'manual') or outcome = 'failed'`,
      dropChecks(callbacks, ['proof', 'method', 'outcome']),
      dropPrimaryKey(callbacks),
      `alter table ${callbacks}
  drop column correction,
  alter column proof type varchar(4),
  alter column method set not null,
  add check (proof in ('rsa', 'hmac', 'sha1')),
  add check (method in ('GET', 'POST')),
  add check (outcome in ('applied', 'duplicate', 'stale', 'mismatch', 'not-found', 'unrecognized')),
  add primary key (id, kind, refno, status)`,
      `drop index ${schema}${openIndex}`,
      `alter table ${transactions} drop column inquired_at, drop column inquiry_leased_until`,
    ],
  };
}

/** The constraints were named by the server, after names of tables that it may have cut. */
function dropChecks(table: string, columns: readonly string[]): string {
  const names = columns.map((column) => `'${column}'`).join(', ');
  return dropConstraints(
    table,
    `contype = 'c' and cardinality(conkey) = 1
    and conkey[1] in (select attnum from pg_attribute where attrelid = conrelid and attname in (${names}))`,
  );
}

function dropPrimaryKey(table: string): string {
  return dropConstraints(table, `contype = 'p'`);
}

function dropConstraints(table: string, which: string): string {
  const quoted = `'${table.replaceAll("'", "''")}'`;
  return `do $dragonpay$ declare constraint_name text; begin
  for constraint_name in select conname from pg_constraint where conrelid = ${quoted}::regclass and ${which}
  loop
    execute format('alter table ${table.replaceAll("'", "''").replaceAll('%', '%%')} drop constraint %I', constraint_name);
  end loop;
end $dragonpay$`;
}
