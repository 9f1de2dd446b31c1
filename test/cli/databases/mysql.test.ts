import { expect } from 'chai';
import { examineDatabase } from '../../../src/cli/doctor/examine-database.js';
import { runCli, runCommand } from '../../support/cli.js';
import { createMysqlDatabase, describeOnMariadb, type MysqlTestDatabase } from '../../support/mysql-database.js';

const all = ['0001_payments', '0002_payouts', '0003_callbacks', '0004_forms'];

describeOnMariadb('dragonpay-callback on MariaDB', () => {
  let database: MysqlTestDatabase;

  beforeEach(async function () {
    this.timeout(30_000);
    database = await createMysqlDatabase();
  });
  afterEach(() => database?.destroy());

  async function findsAt(url = database.url): Promise<string[]> {
    const checks = await examineDatabase(url, {});
    return checks.filter(({ result }) => result === 'found').map(({ check, what }) => `${check}: ${what}`);
  }

  async function tables(): Promise<unknown[]> {
    return (await database.query('show tables')).flatMap((row) => Object.values(row));
  }

  it('migrate goes down, up and lists, for mysql: and mariadb: URLs', async () => {
    const env = { DATABASE_URL: database.url };
    for (const name of all.toReversed()) {
      expect(await runCommand(['migrate', 'down', '--yes'], env)).to.include({ stdout: `undone  ${name}\n` });
    }
    expect(await tables()).to.have.members(['dragonpay_migrations', 'dragonpay_migrations_lock']);
    const up = await runCli(['migrate', 'up', '--json'], { DATABASE_URL: database.url.replace('mysql:', 'mariadb:') });
    expect(up).to.include({ code: 0, stderr: '' });
    expect(JSON.parse(up.stdout)).to.deep.equal({ up: all });
    expect(await tables()).to.include.members(['dragonpay_transactions', 'dragonpay_payouts', 'dragonpay_callbacks']);
    expect((await runCommand(['migrate', 'status'], env)).code).to.equal(0);
  });

  it('migrate prints the SQL of what was not run', async () => {
    await database.query('delete from dragonpay_migrations where name = ?', ['0002_payouts']);
    const { stdout } = await runCommand(['migrate', 'up', '--print'], { DATABASE_URL: database.url });
    expect(stdout).to.match(/^create table `dragonpay_payouts` \(\n/m);
  });

  it('doctor finds no problem in a new database', async () => {
    expect(await findsAt()).to.deep.equal([]);
  });

  for (const [what, statements, said] of [
    ['a table that is missing', ['drop table dragonpay_payouts'], 'tables: missing: "dragonpay_payouts"'],
    [
      'a column that is missing',
      ['alter table dragonpay_transactions drop column procid'],
      'tables: "dragonpay_transactions" lacks the columns procid',
    ],
    [
      'an index that is missing',
      ['drop index dragonpay_callbacks_review on dragonpay_callbacks'],
      'indexes: missing or not valid: dragonpay_callbacks_review',
    ],
    [
      'a primary key that is missing',
      ['alter table dragonpay_payouts drop primary key'],
      'indexes: missing or not valid: the primary key of dragonpay_payouts (merchant_txn_id)',
    ],
    [
      'a migration that was not run',
      ["delete from dragonpay_migrations where name like '0002%'"],
      'migrations: not run: 0002_payouts',
    ],
  ] as const) {
    it(`doctor finds ${what}`, async () => {
      for (const statement of statements) await database.query(statement);
      expect(await findsAt()).to.deep.equal([said]);
    });
  }

  it('doctor finds a user who may not write', async () => {
    const name = new URL(database.url).pathname.slice(1);
    const reader = name.replace('dragonpay_test', 'reader');
    await database.query(`create user ${reader} identified by 'hush'`);
    await database.query(`grant select on ${name}.* to ${reader}`);
    try {
      const url = Object.assign(new URL(database.url), { username: reader, password: 'hush' }).href;
      expect(await findsAt(url)).to.deep.equal(
        ['transactions', 'payouts', 'callbacks'].map(
          (table) => `privileges: this user may not read and write "dragonpay_${table}"`,
        ),
      );
    } finally {
      await database.query(`drop user ${reader}`);
    }
  });

  it('doctor finds a database that cannot be reached, and does not say the password', async () => {
    const url = Object.assign(new URL(database.url), { port: '9', password: 'hush' }).href;
    const [said] = await findsAt(url);
    expect(said).to.match(/^database: the database fails: .*ECONNREFUSED/);
    expect(said).not.to.include('hush');
  });

  it('doctor finds commits that are not durable', async () => {
    // Changes the whole server while other test files use it. None of them depends on this setting.
    await database.query('set global innodb_flush_log_at_trx_commit = 2');
    try {
      expect(await findsAt()).to.deep.equal(['durability: innodb_flush_log_at_trx_commit is 2']);
    } finally {
      await database.query('set global innodb_flush_log_at_trx_commit = 1');
    }
  });

  it('doctor finds a replica', async () => {
    // This changes the whole server. The users of other test files may still write.
    await database.query('set global read_only = 1');
    try {
      expect(await findsAt()).to.deep.equal(['writable: the database is read-only']);
    } finally {
      await database.query('set global read_only = 0');
    }
  });

  for (const [setting, said] of [
    ["sql_mode = 'NO_BACKSLASH_ESCAPES'", 'escapes: sql_mode has NO_BACKSLASH_ESCAPES'],
    ["sql_mode = 'EMPTY_STRING_IS_NULL'", 'session: sql_mode has EMPTY_STRING_IS_NULL'],
    ["sql_mode = 'ORACLE'", 'session: sql_mode has ORACLE'],
    ['autocommit = 0', 'session: autocommit is off'],
    ["completion_type = 'CHAIN'", 'session: completion_type is CHAIN'],
    ['sql_select_limit = 100', 'session: sql_select_limit is set'],
  ] as const) {
    it(`doctor finds sessions with ${setting}`, async () => {
      const name = new URL(database.url).pathname.slice(1);
      const user = name.replace('dragonpay_test', 'odd');
      await database.query(`create user ${user}`);
      await database.query(`grant all on ${name}.* to ${user}`);
      // This setting applies to users who are not administrators, such as this one.
      await database.query(`set global init_connect = "set ${setting}"`);
      try {
        const url = Object.assign(new URL(database.url), { username: user }).href;
        expect(await findsAt(url)).to.deep.equal([said]);
      } finally {
        await database.query(`set global init_connect = ''`);
        await database.query(`drop user ${user}`);
      }
    });
  }
});
