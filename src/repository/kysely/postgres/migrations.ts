import { CompiledQuery, type Kysely } from 'kysely';
import { paymentStatuses, payoutStatuses } from '../../../protocol/statuses.js';
import type { AnyKysely } from '../any-kysely.js';
import { quoteName, quoteTables, type TableNames } from '../tables.js';
import { nothingForgotten } from './migrations/0002-inquiries-and-corrections.js';

// biome-ignore lint/suspicious/noExplicitAny: a Kysely of one database is none of `unknown`, and any will do here
type WhicheverKysely = AnyKysely<any>;

/** A migration as Kysely's Migrator takes it; plain objects, since the Migrator's module moved between versions. */
export interface DragonpayMigration {
  up(db: WhicheverKysely): Promise<void>;
  down(db: WhicheverKysely): Promise<void>;
}

/** The migrations, and the names of the Migrator's own tables, so that they stand beside one's own migrations. */
export interface DragonpayMigrations {
  /** What Kysely's Migrator asks its provider for. */
  getMigrations(): Promise<Record<string, DragonpayMigration>>;
  readonly migrationTableName: string;
  readonly migrationLockTableName: string;
  /** The SQL of every migration, in order: to be read, or run by other means. Ends each statement with `;`. */
  toSQL(): string;
}

/**
 * The migrations of the tables.
 *
 * @example
 * const migrations = createMigrations();
 * const { error } = await new Migrator({ db, provider: migrations, ...migrations }).migrateToLatest();
 */
export function createMigrations(names: TableNames = {}): DragonpayMigrations {
  const steps = {
    '0001_dragonpay': { up: createStatements(names), down: dropStatements(names) },
    '0002_nothing_forgotten': nothingForgotten(names),
  };
  return {
    migrationTableName: 'dragonpay_migrations',
    migrationLockTableName: 'dragonpay_migrations_lock',
    getMigrations: async () =>
      Object.fromEntries(
        Object.entries(steps).map(([name, { up, down }]) => [
          name,
          {
            up: (db: WhicheverKysely) => run(db as Kysely<unknown>, up),
            down: (db: WhicheverKysely) => run(db as Kysely<unknown>, down),
          },
        ]),
      ),
    toSQL: () =>
      `${Object.values(steps)
        .flatMap(({ up }) => up)
        .join(';\n\n')};\n`,
  };
}

async function run(db: Kysely<unknown>, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await db.withoutPlugins().executeQuery(CompiledQuery.raw(statement));
}

function createStatements(names: TableNames): string[] {
  const tables = quoteTables(names);
  const indexPrefix = names.callbacks ?? 'dragonpay_callbacks';
  return [
    ...(names.schema === undefined ? [] : [`create schema if not exists ${quoteName(names.schema)}`]),
    `create table ${tables.transactions} (
  txnid varchar(40) collate "C" primary key,
${statusColumns(Object.keys(paymentStatuses))},
  description varchar(128),
  email varchar(254),
  param1 varchar(80),
  param2 varchar(80),
  procid varchar(32),
${timeColumns}
) with (fillfactor = 80)`,
    `create table ${tables.payouts} (
  merchant_txn_id varchar(40) collate "C" primary key,
${statusColumns(Object.keys(payoutStatuses))},
  description varchar(128),
  user_id varchar(40),
  user_name varchar(128),
  email varchar(254),
  mobile varchar(32),
  procid varchar(32),
  proc_detail varchar(64),
${timeColumns}
) with (fillfactor = 80)`,
    `create table ${tables.callbacks} (
  kind varchar(7) collate "C" not null check (kind in ('payment', 'payout')),
  id varchar(40) collate "C" not null,
  refno varchar(32) collate "C" not null,
  status char(1) collate "C" not null,
  first_seen timestamptz not null default now(),
  last_seen timestamptz not null default now(),
  deliveries integer not null default 1 check (deliveries > 0),
  outcome varchar(12) not null
    check (outcome in ('applied', 'duplicate', 'stale', 'mismatch', 'not-found', 'unrecognized')),
  reasons text[] not null default '{}',
  proof varchar(4) not null check (proof in ('rsa', 'hmac', 'sha1')),
  key_id varchar(64) not null,
  method varchar(4) not null check (method in ('GET', 'POST')),
  raw text not null,
  primary key (id, kind, refno, status)
) with (fillfactor = 80)`,
    `create index ${quoteName(`${indexPrefix}_first_seen`)} on ${tables.callbacks} (first_seen)`,
    `create index ${quoteName(`${indexPrefix}_review`)} on ${tables.callbacks} (first_seen) where reasons <> '{}'`,
  ];
}

function statusColumns(statuses: readonly string[]): string {
  const letters = statuses.map((status) => `'${status}'`).join(', ');
  return `  refno varchar(32) collate "C",
  status char(1) collate "C" not null default 'P' check (status in (${letters})),
  reached varchar(${statuses.length}) collate "C" not null default '' check (reached ~ '^[${statuses.join('')}]*$'),
  amount numeric(12,2) not null check (amount between 0 and 9999999999.99),
  currency char(3) not null default 'PHP' check (currency ~ '^[A-Z]{3}$')`;
}

const timeColumns = `  created_at timestamptz not null default now(),
  modified_at timestamptz not null default now()`;

function dropStatements(names: TableNames): string[] {
  const tables = quoteTables(names);
  return [`drop table ${tables.callbacks}`, `drop table ${tables.payouts}`, `drop table ${tables.transactions}`];
}
