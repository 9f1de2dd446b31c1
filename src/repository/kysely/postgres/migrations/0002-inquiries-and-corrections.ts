import { quoteInSchema, quoteName, quoteTables, type TableNames, tableName } from '../../table-names.js';

/**
 * Migration 0002: claims of open payments for inquiries, and events that did not come by a request. Released migrations
 * never change: the text is literal, and test/repository/postgres/migrations.test.ts pins its hash.
 */
export function inquiriesAndCorrections0002(names: TableNames): { up: string[]; down: string[] } {
  const { transactions, callbacks } = quoteTables(names);
  const openIndex = `${tableName(names, 'transactions')}_open`;
  return {
    up: [
      `alter table ${transactions}
  add column inquired_at timestamptz,
  add column inquiry_leased_until timestamptz`,
      `create index ${quoteName(openIndex)} on ${transactions} ((greatest(modified_at, inquired_at))) where status in ('P', 'U', 'A')`,
      dropChecks(callbacks, ['proof', 'method', 'outcome']),
      `alter table ${callbacks}
  alter column proof type varchar(10),
  alter column method drop not null,
  add check (proof in ('rsa', 'hmac', 'sha1', 'inquiry', 'manual')),
  add check (method in ('GET', 'POST')),
  add check (outcome in ('applied', 'duplicate', 'stale', 'mismatch', 'not-found', 'unrecognized', 'failed'))`,
      // Numbers the corrections of one payment to one status. 0: the event came from Dragonpay.
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
      `drop index ${quoteInSchema(names, openIndex)}`,
      `alter table ${transactions} drop column inquired_at, drop column inquiry_leased_until`,
    ],
  };
}

/**
 * Finds constraints by their columns. Their names come from the server, which may have shortened the table's name in
 * them.
 */
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
