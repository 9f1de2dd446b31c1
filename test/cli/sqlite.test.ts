import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import Database from 'libsql';
import { examineDatabase } from '../../src/cli/doctor/examine-database.js';
import { createMigrations } from '../../src/kysely.js';
import { sqliteDialect } from '../../src/sqlite.js';
import { runCommand } from '../support/cli.js';

describe('dragonpay-callback with a SQLite file', () => {
  let folder: string;
  let env: { DATABASE_URL: string };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dragonpay-cli-'));
    env = { DATABASE_URL: `sqlite:${join(folder, 'shop.db')}` };
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const migrate = (...args: string[]) => runCommand(['migrate', ...args], env);

  it('migrate up makes the tables, status lists them and down undoes them', async () => {
    expect(await migrate('up')).to.include({ code: 0, stdout: 'done  0001_tables\ndone  0002_forms\n' });
    expect((await migrate('status')).stdout).to.match(
      /^done {5}0001_tables {2}20\S+Z\ndone {5}0002_forms {2}20\S+Z\n$/,
    );
    expect(await migrate('up')).to.include({ code: 0, stdout: 'Nothing to do.\n' });
    expect(await migrate('down', '--yes')).to.include({ code: 0, stdout: 'undone  0002_forms\n' });
    expect(await migrate('down', '--yes')).to.include({ code: 0, stdout: 'undone  0001_tables\n' });
    expect((await migrate('status')).code).to.equal(1);
  });

  it('migrate up --print prints the SQL of createMigrations', async () => {
    const { code, stdout } = await migrate('up', '--print');
    expect(code).to.equal(0);
    const printed = stdout.replaceAll(/^-- .*\n/gm, '').trim();
    expect(printed).to.equal(createMigrations({ dialect: sqliteDialect }).toSQL().trim());
    expect((await migrate('status')).code, 'nothing was run').to.equal(1);
  });

  it('migrate up takes file: with three slashes, and other names of tables, but no schema', async () => {
    env.DATABASE_URL = `file://${join(folder, 'other.db')}`;
    expect((await migrate('up', '--transactions', 'incoming')).code).to.equal(0);
    expect(await readdir(folder)).to.include('other.db');
    const refused = await migrate('up', '--schema', 'pay');
    expect(refused.code).to.equal(2);
    expect(refused.stderr).to.include('schema must be left out');
  });

  it('migrate up run by two processes at once is done by one of them', async () => {
    const [one, other] = await Promise.all([migrate('up'), migrate('up')]);
    expect([one.code, other.code]).to.deep.equal([0, 0]);
    expect([one.stdout, other.stdout].sort()).to.deep.equal([
      'Nothing to do.\n',
      'done  0001_tables\ndone  0002_forms\n',
    ]);
  });

  it('refuses a URL of another database without showing it', async () => {
    for (const url of ['oracle://user:hush@localhost/shop', 'postgres//user:hush@localhost/shop', './hush.db']) {
      env.DATABASE_URL = url;
      const { code, stderr } = await migrate('status');
      expect(code).to.equal(2);
      expect(stderr).to.include('must begin with postgres:').and.not.include('hush');
    }
    env.DATABASE_URL = 'sqlite:';
    expect((await migrate('status')).stderr).to.include('must name a file');
  });

  it('doctor finds no problem in a migrated file', async () => {
    await migrate('up');
    const checks = await examineDatabase(env.DATABASE_URL, {});
    expect(checks.map(({ check, result }) => [check, result])).to.deep.equal([
      ['tables', 'ok'],
      ['indexes', 'ok'],
    ]);
  });

  it('doctor leaves the journal mode of the file alone', async () => {
    const file = new Database(join(folder, 'shop.db'));
    file.exec('create table mine (id integer)');
    file.close();
    await examineDatabase(env.DATABASE_URL, {});
    const after = new Database(join(folder, 'shop.db'));
    expect(after.prepare('pragma journal_mode').all()).to.deep.equal([{ journal_mode: 'delete' }]);
    after.close();
  });

  it('doctor finds a missing file, tables, columns, indexes and migrations, and makes no file', async () => {
    const found = async () =>
      (await examineDatabase(env.DATABASE_URL, {})).map(({ check, what }) => `${check}: ${what}`).join('\n');
    expect(await found()).to.match(/^database: the database fails: .*ENOENT/);
    expect(await readdir(folder)).to.deep.equal([]);

    const file = new Database(join(folder, 'shop.db'));
    expect(await found()).to.include('tables: missing: "dragonpay_transactions"');
    await migrate('up');
    file.exec('drop index dragonpay_transactions_open; alter table dragonpay_payouts drop column mobile');
    file.exec('delete from dragonpay_migrations');
    const problems = await found();
    file.close();
    expect(problems).to.include('tables: "dragonpay_payouts" lacks the columns mobile');
    expect(problems).to.include('migrations: not run: 0001_tables, 0002_forms');
    expect(problems).to.include('indexes: missing or not valid: dragonpay_transactions_open');
  });

  it('doctor finds a file that may not be written', async function () {
    // Root may write everywhere.
    if (process.getuid?.() === 0) this.skip();
    await migrate('up');
    await chmod(join(folder, 'shop.db'), 0o444);
    const checks = await examineDatabase(env.DATABASE_URL, {});
    expect(checks.map(({ check }) => check)).to.include('writable');
  });
});
