import { quoteTables, type TableNames } from '../../table-names.js';

/**
 * Migration 0006: one check for each table instead of one for each column. PostgreSQL reads and plans every check again
 * for each statement that writes. Released migrations never change: the text is literal, and
 * test/repository/migrations.test.ts pins its hash.
 */
export function fewerChecks0006(names: TableNames): { up: string[]; down: string[] } {
  const { transactions, payouts, callbacks } = quoteTables(names);
  return {
    up: [
      dropChecks(transactions, ['status', 'reached', 'amount', 'currency']),
      `alter table ${transactions} add constraint dragonpay_values check (
  amount between 0 and 9999999999.99
  and (status::text || ' ' || reached || ' ' || currency::text) ~ '^[SFPURKVAE] [SFPURKVAE]* [A-Z]{3}$'
)`,
      dropChecks(payouts, ['status', 'reached', 'amount', 'currency']),
      `alter table ${payouts} add constraint dragonpay_values check (
  amount between 0 and 9999999999.99
  and (status::text || ' ' || reached || ' ' || currency::text) ~ '^[SFPVGH] [SFPVGH]* [A-Z]{3}$'
)`,
      dropChecks(callbacks, ['kind', 'deliveries', 'correction', 'outcome', 'proof', 'method']),
      `alter table ${callbacks} add constraint dragonpay_values check (
  deliveries > 0 and correction >= 0
  and (kind || ' ' || outcome || ' ' || proof || coalesce(' ' || method, '')) ~
    '^(payment|payout) (applied|duplicate|stale|mismatch|not-found|unrecognized|failed) (rsa|hmac|sha1|inquiry|manual)( GET| POST)?$'
)`,
    ],
    down: [
      `alter table ${transactions}
  drop constraint dragonpay_values,
  add check (status in ('S', 'F', 'P', 'U', 'R', 'K', 'V', 'A', 'E')),
  add check (reached ~ '^[SFPURKVAE]*$'),
  add check (amount between 0 and 9999999999.99),
  add check (currency ~ '^[A-Z]{3}$')`,
      `alter table ${payouts}
  drop constraint dragonpay_values,
  add check (status in ('S', 'F', 'P', 'V', 'G', 'H')),
  add check (reached ~ '^[SFPVGH]*$'),
  add check (amount between 0 and 9999999999.99),
  add check (currency ~ '^[A-Z]{3}$')`,
      `alter table ${callbacks}
  drop constraint dragonpay_values,
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
 * Drops our checks of single columns. The server named them after the table, whose name it may have shortened, and the
 * column. Checks that a merchant added have other names, and stay.
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
