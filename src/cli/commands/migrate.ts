import { Command } from 'commander';
import type { Kysely, MigrationInfo, Migrator } from 'kysely';
import type { DragonpayMigrations, MigrationOptions } from '../../repository/kysely/migrations.js';
import type { TableNames } from '../../repository/kysely/table-names.js';
import type { CommandContext } from '../command-context.js';
import { databaseOf } from '../databases/find-database.js';
import { addTableOptions, tableNames, withPeer } from '../options.js';
import { CommandFailure, exitCodes, type Report } from '../report.js';

interface MigrateOptions extends TableNames {
  readonly print?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

type Environment = CommandContext['env'];

/** `dragonpay-callback migrate`. */
export function migrateCommand({ env, report }: CommandContext): Command {
  const command = new Command('migrate')
    .description(
      'Creates or updates the tables in the database of DATABASE_URL, undoes the last migration, or shows the state.',
    )
    .addHelpText(
      'after',
      `
Kysely's Migrator records the migrations in the tables dragonpay_migrations and dragonpay_migrations_lock.
Exit codes: 0 done, 1 status: migrations are pending, 2 usage error, 3 the database failed.`,
    );
  const step = (name: string, run: (options: MigrateOptions, env: Environment) => Promise<Report>) => {
    const each = addTableOptions(command.command(name).option('--json', 'print one JSON document'));
    return each.action(async (options: MigrateOptions) => report(await run(options, env), options));
  };
  step('up', up)
    .summary('create the tables, or update them')
    .description('Runs every pending migration.')
    .option('--print', 'only print the SQL of the pending migrations; without DATABASE_URL, of all migrations');
  step('down', down)
    .summary('undo the last migration')
    .description('Undoes the last migration, and deletes the data in its tables and columns.')
    .option('--print', 'only print the SQL')
    .option('--yes', 'confirm that this data may be deleted');
  step('status', status).summary('list the migrations').description('Lists the migrations that are done and pending.');
  return command;
}

function up(options: MigrateOptions, env: Environment): Promise<Report> {
  if (options.print && !env.DATABASE_URL?.trim()) return printAll(options);
  return withMigrator(options, env, async ({ migrator, pending }) => {
    if (options.print) return printed(await sqlOf(pending, 'up'));
    const { error, results = [] } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
    const done = results.map(({ migrationName }) => migrationName);
    const text = done.length === 0 ? 'Nothing to do.' : done.map((name) => `done  ${name}`).join('\n');
    return { exitCode: exitCodes.yes, text, json: { up: done } };
  });
}

function down(options: MigrateOptions, env: Environment): Promise<Report> {
  return withMigrator(options, env, async ({ migrator, all }) => {
    const last = all.findLast(({ executedAt }) => executedAt !== undefined);
    if (last === undefined) return { exitCode: exitCodes.yes, text: 'Nothing to do.', json: { down: [] } };
    if (options.print) return printed(await sqlOf([last], 'down'));
    if (!options.yes) {
      throw new CommandFailure(
        `migrate down undoes ${last.name} and deletes its data: check the SQL with --print, then pass --yes`,
      );
    }
    const { error } = await migrator.migrateDown();
    if (error !== undefined) throw error;
    return { exitCode: exitCodes.yes, text: `undone  ${last.name}`, json: { down: [last.name] } };
  });
}

function status(options: MigrateOptions, env: Environment): Promise<Report> {
  return withMigrator(options, env, async ({ all, pending }) => ({
    exitCode: pending.length === 0 ? exitCodes.yes : exitCodes.no,
    text: all
      .map(({ name, executedAt }) =>
        executedAt ? `done     ${name}  ${executedAt.toISOString()}` : `pending  ${name}`,
      )
      .join('\n'),
    json: { migrations: all.map(({ name, executedAt }) => ({ name, executedAt: executedAt ?? null })) },
  }));
}

interface MigrationState {
  readonly migrator: Migrator;
  readonly all: readonly MigrationInfo[];
  readonly pending: readonly MigrationInfo[];
}

async function withMigrator(
  options: MigrateOptions,
  { DATABASE_URL: url }: Environment,
  run: (state: MigrationState) => Promise<Report>,
): Promise<Report> {
  if (!url?.trim()) throw new CommandFailure('DATABASE_URL is missing: set it to the URL of the database');
  const { dialect, open } = await withPeer(databaseOf(url));
  const db = await open(url, 2);
  try {
    const migrations = await migrationsOf({ ...tableNames(options), dialect });
    const migrator = await makeMigrator(db, migrations);
    const all = await migrator.getMigrations();
    return await run({ migrator, all, pending: all.filter(({ executedAt }) => executedAt === undefined) });
  } finally {
    await db.destroy();
  }
}

async function migrationsOf(options: MigrationOptions): Promise<DragonpayMigrations> {
  const { createMigrations } = await withPeer(import('../../repository/kysely/migrations.js'));
  return createMigrations(options);
}

/** Creates a Migrator. Kysely 0.29 moved the class to a subpath. */
async function makeMigrator(db: Kysely<unknown>, migrations: DragonpayMigrations): Promise<Migrator> {
  const kysely: Partial<typeof import('kysely')> = await import('kysely');
  const moved: string = 'kysely/migration';
  const Class = kysely.Migrator ?? ((await import(moved)) as typeof import('kysely')).Migrator;
  return new Class({ db, provider: migrations, ...migrations });
}

async function printAll(options: MigrateOptions): Promise<Report> {
  const migrations = await (await migrationsOf(tableNames(options))).getMigrations();
  const all = Object.entries(migrations).map(([name, migration]) => ({ name, migration }));
  return printed(await sqlOf(all, 'up'));
}

type Named = Pick<MigrationInfo, 'name' | 'migration'>;
type PrintedMigration = { readonly name: string; readonly statements: readonly string[] };

/** Runs migrations on a Kysely without a database, and collects the SQL. */
async function sqlOf(migrations: readonly Named[], way: 'up' | 'down'): Promise<PrintedMigration[]> {
  const { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } = await withPeer(
    import('kysely'),
  );
  const steps: PrintedMigration[] = [];
  for (const { name, migration } of migrations) {
    const statements: string[] = [];
    const db = new Kysely<unknown>({
      dialect: {
        createAdapter: () => new PostgresAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (db) => new PostgresIntrospector(db),
        createQueryCompiler: () => new PostgresQueryCompiler(),
      },
      log: ({ query }) => void statements.push(query.sql),
    });
    await migration[way]?.(db);
    steps.push({ name, statements });
  }
  return steps;
}

function printed(steps: readonly PrintedMigration[]): Report {
  const text = steps.map(({ name, statements }) => `-- ${name}\n${statements.map((sql) => `${sql};\n`).join('\n')}`);
  return {
    exitCode: exitCodes.yes,
    text: text.join('\n').trimEnd() || '-- nothing to do',
    json: { print: steps },
  };
}
