import { quoteTables, type TableNames } from '../../table-names.js';

/**
 * Migration 0004: events that differ in a value that their proofs cover are kept apart. Released migrations never
 * change: the text is literal, and test/repository/postgres/migrations.test.ts pins its hash.
 */
export function fingerprints0004(names: TableNames): { up: string[]; down: string[] } {
  const { callbacks } = quoteTables(names);
  return {
    up: [
      // The values that earlier events covered are not known: an underscore stands for any digit.
      `alter table ${callbacks}
  add column fingerprint varchar(24) collate "C" not null default '________________________'`,
      dropPrimaryKey(callbacks),
      `alter table ${callbacks} add primary key (id, kind, refno, status, correction, fingerprint)`,
    ],
    down: [
      `delete from ${callbacks} c using ${callbacks} o
where (o.id, o.kind, o.refno, o.status, o.correction) = (c.id, c.kind, c.refno, c.status, c.correction)
  and (o.outcome <> 'applied', o.first_seen, o.fingerprint) < (c.outcome <> 'applied', c.first_seen, c.fingerprint)`,
      dropPrimaryKey(callbacks),
      `alter table ${callbacks} drop column fingerprint, add primary key (id, kind, refno, status, correction)`,
    ],
  };
}

/** Finds the key in the catalog. Its name comes from the server, which may have shortened the table's name in it. */
function dropPrimaryKey(table: string): string {
  const quoted = table.replaceAll("'", "''");
  return `do $dragonpay$ declare constraint_name text; begin
  for constraint_name in select conname from pg_constraint where conrelid = '${quoted}'::regclass and contype = 'p'
  loop
    execute format('alter table ${quoted.replaceAll('%', '%%')} drop constraint %I', constraint_name);
  end loop;
end $dragonpay$`;
}
