import { expect } from 'chai';
import pg from 'pg';
import { createMigrations } from '../../src/kysely.js';
import { runCli, runCommand } from '../support/cli.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const all = [
  '0001_tables',
  '0002_inquiries_and_corrections',
  '0003_early_callbacks',
  '0004_fingerprints',
  '0005_forms',
  '0006_inbox_without_checks',
];

describe('dragonpay-callback migrate', () => {
  let database: TestDatabase;
  let env: Record<string, string>;

  before(async () => {
    database = await createTestDatabase();
    env = { DATABASE_URL: database.url };
  });
  after(() => database?.destroy());

  /** A database without tables. */
  beforeEach(() =>
    database.pool.query('drop schema public cascade; drop schema if exists pay cascade; create schema public'),
  );

  const migrate = (...args: string[]) => runCommand(['migrate', ...args], env);

  async function tables(): Promise<string[]> {
    const { rows } = await database.pool.query(
      `select schemaname || '.' || tablename as name from pg_tables where tablename ~ 'dragonpay|incoming' order by 1`,
    );
    return rows.map(({ name }) => name);
  }

  it('runs every migration with up, and lists them with status before and after', async () => {
    const before = await migrate('status', '--json');
    expect(before.code).to.equal(1);
    expect(JSON.parse(before.stdout)).to.deep.equal({ migrations: all.map((name) => ({ name, executedAt: null })) });
    expect(await tables(), 'status creates no table').to.deep.equal([]);

    const up = await runCli(['migrate', 'up', '--json'], env);
    expect(up).to.include({ code: 0, stderr: '' });
    expect(JSON.parse(up.stdout)).to.deep.equal({ up: all });
    expect(await tables()).to.include.members(['public.dragonpay_callbacks', 'public.dragonpay_transactions']);

    const after = await migrate('status');
    expect(after.code).to.equal(0);
    const done = all.map((name) => `done {5}${name} {2}20\\S+Z\\n`).join('');
    expect(after.stdout).to.match(new RegExp(`^${done}$`));
    expect(await migrate('up')).to.include({ code: 0, stdout: 'Nothing to do.\n' });
  });

  it('undoes one migration with down --yes, and refuses without --yes', async () => {
    await migrate('up');
    const refused = await migrate('down');
    expect(refused).to.include({ code: 2, stdout: '' });
    expect(refused.stderr).to.include('migrate down undoes 0006_inbox_without_checks and deletes its data');
    const printed = await migrate('down', '--print');
    expect(printed.stdout).to.include('add check (deliveries > 0)');
    expect((await migrate('status')).code).to.equal(0);
    for (const name of all.toReversed()) {
      expect(await migrate('down', '--yes')).to.include({ code: 0, stdout: `undone  ${name}\n` });
    }
    expect(await tables()).to.deep.equal(['public.dragonpay_migrations', 'public.dragonpay_migrations_lock']);
    expect(await migrate('down', '--yes')).to.include({ code: 0, stdout: 'Nothing to do.\n' });
  });

  it('prints the SQL of createMigrations().toSQL() without DATABASE_URL', async () => {
    const { code, stdout } = await runCommand(['migrate', 'up', '--print'], { DATABASE_URL: '' });
    expect(code).to.equal(0);
    const statements = (sql: string) =>
      sql
        .replaceAll(/^-- .*$/gm, '')
        .split(/;\s*\n\s*\n|;\s*$/)
        .map((one) => one.trim());
    expect(statements(stdout.trim())).to.deep.equal(statements(createMigrations().toSQL()));
    await database.pool.query(stdout);
    expect(await tables()).to.have.lengthOf(3);
  });

  it('prints the SQL of pending migrations and does not run it', async () => {
    await migrate('up');
    await migrate('down', '--yes');
    const before = await tables();
    const { code, stdout } = await migrate('up', '--print', '--json');
    expect(code).to.equal(0);
    const { print } = JSON.parse(stdout);
    expect(print.map(({ name }: { name: string }) => name)).to.deep.equal(['0006_inbox_without_checks']);
    expect(print[0].statements[0]).to.include('drop constraint %I');
    expect(await tables()).to.deep.equal(before);
    expect((await migrate('status')).code).to.equal(1);
  });

  it('creates tables with other names in a schema', async () => {
    const names = ['--schema', 'pay', '--transactions', 'incoming'];
    expect((await migrate('up', ...names)).code).to.equal(0);
    expect(await tables()).to.include.members(['pay.incoming', 'pay.dragonpay_payouts', 'pay.dragonpay_callbacks']);
  });

  it('ends with 3 if the database cannot be reached, and prints no password', async () => {
    const wrong = new URL(database.url);
    wrong.username = 'nobody_of_this_name';
    wrong.password = 'hush';
    wrong.port = '9';
    const { code, stdout, stderr } = await runCommand(['migrate', 'status'], { DATABASE_URL: wrong.href });
    expect({ code, stdout }).to.deep.equal({ code: 3, stdout: '' });
    expect(stderr)
      .to.match(/^error: .+\n$/)
      .and.not.include('hush');
  });

  it('runs twice at the same time, and one waits for the other', async () => {
    const runs = await Promise.all([migrate('up', '--json'), migrate('up', '--json')]);
    expect(runs.map(({ code, stderr }) => [code, stderr])).to.deep.equal([
      [0, ''],
      [0, ''],
    ]);
    expect(runs.flatMap(({ stdout }) => JSON.parse(stdout).up)).to.deep.equal(all);
  });

  it('closes its connections', async () => {
    await migrate('up');
    const client = new pg.Client(database.url);
    await client.connect();
    const { rows } = await client.query(
      `select count(*)::int as others from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
    );
    await client.end();
    expect(rows[0].others).to.be.lessThanOrEqual(database.pool.totalCount);
  });
});
