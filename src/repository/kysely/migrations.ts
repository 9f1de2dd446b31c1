import { CompiledQuery, type Kysely } from 'kysely';
import { invalidSetting } from '../../errors.js';
import { checkNames } from '../../protocol/nearest-name.js';
import type { AnyKysely } from './any-kysely.js';
import { checkTableNames } from './check-table-names.js';
import { dialectNames, type RepositoryDialect } from './dialect.js';
import { postgres } from './postgres/postgres.js';
import type { TableNames } from './table-names.js';

// biome-ignore lint/suspicious/noExplicitAny: a Kysely<Database> is not assignable to a Kysely<unknown>
type MigratedKysely = AnyKysely<any>;

/** A migration for Kysely's Migrator. A plain object: the Migrator moved to another module in Kysely 0.29. */
export interface DragonpayMigration {
  up(db: MigratedKysely): Promise<void>;
  down(db: MigratedKysely): Promise<void>;
}

/** The migrations. The Migrator keeps its list of them in tables of its own, so that they do not collide with yours. */
export interface DragonpayMigrations {
  /** Called by Kysely's Migrator. */
  getMigrations(): Promise<Record<string, DragonpayMigration>>;
  readonly migrationTableName: string;
  /** The schema of the tables of the Migrator. Without it, two schemas would share one list of migrations. */
  readonly migrationTableSchema?: string;
  readonly migrationLockTableName: string;
  /** The SQL of every migration, in order, to read it or to run it by other means. Each statement ends with `;`. */
  toSQL(): string;
}

/** Options of {@link createMigrations}. */
export interface MigrationOptions extends TableNames {
  /** The database. Default: PostgreSQL. */
  readonly dialect?: RepositoryDialect;
}

/**
 * Makes the migrations that create the tables.
 * @throws DragonpayError `invalid-setting` that names the option
 *
 * @example
 * const migrations = createMigrations();
 * const { error } = await new Migrator({ db, provider: migrations, ...migrations }).migrateToLatest();
 */
export function createMigrations(options: MigrationOptions = {}): DragonpayMigrations {
  checkNames(options, { dialect: true, schema: true, transactions: true, payouts: true, callbacks: true });
  const { dialect = postgres, ...names } = options;
  checkTableNames(names);
  if (typeof dialect?.migrations !== 'function') throw invalidSetting('dialect', `must be ${dialectNames}`);
  // Tables with other names have their own list of migrations, because a database may have two sets of tables.
  const { transactions, payouts, callbacks } = names;
  const prefix = callbacks ?? transactions ?? payouts ?? 'dragonpay';
  const steps = dialect.migrations(names);
  return {
    migrationTableName: `${prefix}_migrations`,
    migrationLockTableName: `${prefix}_migrations_lock`,
    ...(names.schema !== undefined && { migrationTableSchema: names.schema }),
    getMigrations: async () =>
      Object.fromEntries(
        Object.entries(steps).map(([name, { up, down }]) => [
          name,
          {
            up: (db: MigratedKysely) => run(db as Kysely<unknown>, up),
            down: (db: MigratedKysely) => run(db as Kysely<unknown>, down),
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
