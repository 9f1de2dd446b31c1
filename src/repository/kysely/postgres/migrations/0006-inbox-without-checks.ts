import { quoteTables, type TableNames } from '../../table-names.js';

/**
 * Migration 0006: an inbox without checks. PostgreSQL reads and plans every check again for each statement that writes,
 * and only the repository writes to the inbox. Released migrations never change: the text is literal, and
 * test/repository/postgres/migrations.test.ts pins its hash.
 */
export function inboxWithoutChecks0006(names: TableNames): { up: string[]; down: string[] } {
  const { callbacks } = quoteTables(names);
  return {
    up: [dropChecks(callbacks, ['kind', 'deliveries', 'correction', 'outcome', 'proof', 'method'])],
    down: [
      `alter table ${callbacks}
  add check (kind in ('payment', 'payout')),
  add check (deliveries > 0),
  add check (correction >= 0),
  add check (outcome in ('applied', 'duplicate', 'stale', 'mismatch', 'not-found', 'unrecognized', 'failed')),
  add check (proof in ('rsa', 'hmac', 'sha1', 'inquiry', 'manual')),
  add check (method in ('GET', 'POST'))`,
    ],
  };
}

/**
 * Drops the checks of single columns that this package made. The server named them after the table, whose name it may
 * have shortened, and the column. Checks of the merchant have other names and stay.
 */
function dropChecks(table: string, columns: readonly string[]): string {
  const quoted = table.replaceAll("'", "''");
  const names = columns.map((column) => `'${column}'`).join(', ');
  return `do $dragonpay$ declare constraint_name text; begin
  for constraint_name in select conname from pg_constraint join pg_attribute on attrelid = conrelid and attnum = conkey[1]
    where conrelid = '${quoted}'::regclass and contype = 'c' and cardinality(conkey) = 1
      and attname in (${names}) and right(conname, length(attname) + 7) = '_' || attname || '_check'
  loop
    execute format('alter table ${quoted.replaceAll('%', '%%')} drop constraint %I', constraint_name);
  end loop;
end $dragonpay$`;
}
