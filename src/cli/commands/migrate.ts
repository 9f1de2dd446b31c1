import { Command } from 'commander';
import type { Kysely, MigrationInfo, Migrator } from 'kysely';
import type { DragonpayMigrations } from '../../repository/kysely/postgres/migrations.js';
import type { TableNames } from '../../repository/kysely/table-names.js';
import { CommandFailure, exitCodes } from '../command-failure.js';
import { withPeer } from '../peer-package.js';
import { type Report, report } from '../report.js';
import { addTableOptions, tableNames } from '../table-options.js';

interface MigrateOptions extends TableNames {
  readonly print?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `dragonpay-callback migrate`. */
export function migrateCommand(): Command {
  const command = new Command('migrate')
    .description('Makes the tables of DATABASE_URL, takes a step back, or tells what is done.')
    .addHelpText(
      'after',
      `
The database is that of DATABASE_URL. The tables of Kysely's Migrator are dragonpay_migrations and its lock.
Exit codes: 0 done, 1 status: there is something to be done, 2 called wrongly, 3 the database failed.`,
    );
  const step = (name: string, run: (options: MigrateOptions) => Promise<Report>) => {
    const each = addTableOptions(command.command(name).option('--json', 'print one JSON document'));
    return each.action(async (options: MigrateOptions) => report(await run(options), options));
  };
  step('up', up)
    .summary('make the tables, or bring them up to date')
    .description('Runs every migration that has not been run.')
    .option('--print', 'print the SQL of what would run, and run nothing; of all of it without DATABASE_URL');
  step('down', down)
    .summary('take the last step back')
    .description('Takes the last migration back, with the data that it made room for.')
    .option('--print', 'print the SQL of what would run, and run nothing')
    .option('--yes', 'yes, delete that data');
  step('status', status).summary('tell what is done').description('Tells which migrations have been run.');
  return command;
}

function up(options: MigrateOptions): Promise<Report> {
  if (options.print && !process.env.DATABASE_URL?.trim()) return printAll(options);
  return withMigrator(options, async ({ migrator, pending }) => {
    if (options.print) return printed(await sqlOf(pending, 'up'));
    const { error, results = [] } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
    const done = results.map(({ migrationName }) => migrationName);
    const text = done.length === 0 ? 'Nothing to be done.' : done.map((name) => `done  ${name}`).join('\n');
    return { exitCode: exitCodes.yes, text, json: { up: done } };
  });
}

async function down(options: MigrateOptions): Promise<Report> {
  return withMigrator(options, async ({ migrator, all }) => {
    const last = all.findLast(({ executedAt }) => executedAt !== undefined);
    if (last === undefined) return { exitCode: exitCodes.yes, text: 'Nothing to be done.', json: { down: [] } };
    if (options.print) return printed(await sqlOf([last], 'down'));
    if (!options.yes) {
      const loss = `${last.name} would be taken back, and its data deleted: look at it with --print`;
      throw new CommandFailure(`${loss}, and say --yes`);
    }
    const { error } = await migrator.migrateDown();
    if (error !== undefined) throw error;
    return { exitCode: exitCodes.yes, text: `taken back  ${last.name}`, json: { down: [last.name] } };
  });
}

function status(options: MigrateOptions): Promise<Report> {
  return withMigrator(options, async ({ all, pending }) => ({
    exitCode: pending.length === 0 ? exitCodes.yes : exitCodes.no,
    text: all
      .map(({ name, executedAt }) =>
        executedAt ? `done     ${name}  ${executedAt.toISOString()}` : `pending  ${name}`,
      )
      .join('\n'),
    json: { migrations: all.map(({ name, executedAt }) => ({ name, executedAt: executedAt ?? null })) },
  }));
}

interface AtDatabase {
  readonly migrator: Migrator;
  readonly all: readonly MigrationInfo[];
  readonly pending: readonly MigrationInfo[];
}

async function withMigrator(options: MigrateOptions, run: (at: AtDatabase) => Promise<Report>): Promise<Report> {
  const connectionString = process.env.DATABASE_URL;
  if (connectionString === undefined || connectionString.trim() === '') {
    throw new CommandFailure('DATABASE_URL is missing: the address of the database');
  }
  const [{ Kysely, PostgresDialect }, { default: pg }] = await Promise.all([
    withPeer(import('kysely')),
    withPeer(import('pg')),
  ]);
  const pool = new pg.Pool({ connectionString, max: 2, connectionTimeoutMillis: 10_000 });
  pool.on('error', () => {});
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  try {
    const migrations = await migrationsOf(options);
    const migrator = await makeMigrator(db, migrations);
    const all = await migrator.getMigrations();
    return await run({ migrator, all, pending: all.filter(({ executedAt }) => executedAt === undefined) });
  } finally {
    await db.destroy();
  }
}

async function migrationsOf(options: MigrateOptions): Promise<DragonpayMigrations> {
  const { createMigrations } = await withPeer(import('../../repository/kysely/postgres/migrations.js'));
  return createMigrations(tableNames(options));
}

/** The Migrator has moved between versions of Kysely. */
async function makeMigrator(db: Kysely<unknown>, migrations: DragonpayMigrations): Promise<Migrator> {
  const kysely: Partial<typeof import('kysely')> = await import('kysely');
  const moved: string = 'kysely/migration';
  const Class = kysely.Migrator ?? ((await import(moved)) as typeof import('kysely')).Migrator;
  return new Class({ db, provider: migrations, ...migrations });
}

async function printAll(options: MigrateOptions): Promise<Report> {
  const migrations = await (await migrationsOf(options)).getMigrations();
  const all = Object.entries(migrations).map(([name, migration]) => ({ name, migration }));
  return printed(await sqlOf(all, 'up'));
}

type Named = Pick<MigrationInfo, 'name' | 'migration'>;
type Step = { readonly name: string; readonly statements: readonly string[] };

/** Runs migrations on a Kysely that has no database, and takes down what they would have run. */
async function sqlOf(migrations: readonly Named[], way: 'up' | 'down'): Promise<Step[]> {
  const { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } = await withPeer(
    import('kysely'),
  );
  const steps: Step[] = [];
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

function printed(steps: readonly Step[]): Report {
  const text = steps.map(({ name, statements }) => `-- ${name}\n${statements.map((sql) => `${sql};\n`).join('\n')}`);
  return {
    exitCode: exitCodes.yes,
    text: text.join('\n').trimEnd() || '-- nothing to be done',
    json: { print: steps },
  };
}
