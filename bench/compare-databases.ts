import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Migrator, sql } from 'kysely';
import { createMigrations } from '../src/kysely.js';
import { hasMariadb, startMariadb } from '../test/support/mariadb-server.js';
import { treeCpu } from './cpu.js';
import { startServer } from './database.js';
import { openByUrl } from './ours/any-database.js';
import { secretKey, txnidOf } from './postbacks.js';
import { ContenderProcess, LoadProcess } from './processes.js';
import { type Spread, spread } from './statistics.js';

/** The figures of one database and one handler. CPU times are in microseconds for each postback. */
export interface DatabaseFigures {
  readonly database: string;
  readonly handler: string;
  readonly perSecond: Spread;
  readonly serverCpu: Spread;
  /** The CPU time of the database. `undefined`: it runs in the process of the server. */
  readonly databaseCpu: Spread | undefined;
  /** In milliseconds. */
  readonly p50: Spread;
}

interface Extent {
  readonly count: number;
  readonly rounds: number;
  readonly warmUps: number;
  /** The core of the server. */
  readonly core: number | undefined;
}

interface Started {
  readonly url: string;
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/** The databases by name. `undefined`: the database is not installed. */
const databases: Readonly<Record<string, () => Promise<Started | undefined>>> = {
  PostgreSQL: async () => {
    const { pid, database, stop } = await startServer();
    const { url, end, client } = await database('databases');
    // The tables of the other sections.
    await client.query('drop schema public cascade; create schema public');
    await end();
    return { url, pid, stop };
  },
  MariaDB: async () => {
    if (!hasMariadb) return undefined;
    const server = await startMariadb(['--innodb-flush-method=fsync', '--innodb-buffer-pool-size=256M']);
    const { db } = openByUrl(server.url);
    await sql`create database bench`.execute(db);
    await db.destroy();
    return { url: `${server.url}/bench`, pid: server.pid, stop: () => server.stop() };
  },
  SQLite: async () => {
    const folder = await mkdtemp(join(process.env.BENCH_DATA ?? tmpdir(), 'dragonpay-callback-bench-'));
    const stop = () => rm(folder, { recursive: true, force: true });
    return { url: `sqlite://${join(folder, 'bench.db')}`, pid: undefined, stop };
  },
};

/** Sends the same postbacks to the same handlers on each database, which runs alone. */
export async function compareDatabases(extent: Extent): Promise<DatabaseFigures[]> {
  const figures: DatabaseFigures[] = [];
  for (const [name, start] of Object.entries(databases)) {
    const started = await start();
    if (started === undefined) continue;
    process.stderr.write(`${name} `);
    try {
      figures.push(...(await measure(name, started, extent)));
    } finally {
      await started.stop();
    }
  }
  process.stderr.write('\n');
  return figures;
}

const handlers = { 'ours/any-database': 'none', 'ours/any-database-effect': 'one UPDATE' } as const;

async function measure(database: string, { url, pid }: Started, extent: Extent): Promise<DatabaseFigures[]> {
  const { db, dialect } = openByUrl(url);
  const migrations = createMigrations(dialect && { dialect });
  const { error } = await new Migrator({ db, provider: migrations, ...migrations }).migrateToLatest();
  if (error) throw error;
  await sql`create table orders (txnid varchar(40) primary key, paid boolean not null)`.execute(db);
  const generator = new LoadProcess();
  const figures: DatabaseFigures[] = [];
  for (const [name, handler] of Object.entries(handlers)) {
    const contender = await ContenderProcess.start(name, { databaseUrl: url, secretKey }, { core: extent.core });
    const turns: { perSecond: number; serverCpu: number; databaseCpu: number; p50: number }[] = [];
    for (let round = -extent.warmUps; round < extent.rounds; round++) {
      const { count } = extent;
      const series = `${handler === 'none' ? 'N' : 'E'}${round + extent.warmUps}`;
      await seed(series, count);
      await generator.prepare({ port: contender.port, connections: 16, series, from: 1, count });
      const [before, databaseBefore] = [await contender.mark(), pid === undefined ? 0 : treeCpu(pid)];
      const result = await generator.run();
      const [after, databaseAfter] = [await contender.mark(), pid === undefined ? 0 : treeCpu(pid)];
      await assertSettled(series, count, handler, result.refused);
      if (round < 0) continue;
      turns.push({
        perSecond: count / result.seconds,
        serverCpu: (after.cpu - before.cpu) / count,
        databaseCpu: (databaseAfter - databaseBefore) / count,
        p50: result.p50,
      });
    }
    process.stderr.write('.');
    contender.stop();
    const of = (figure: keyof (typeof turns)[number]) => spread(turns.map((turn) => turn[figure]));
    figures.push({
      ...{ database, handler, perSecond: of('perSecond'), serverCpu: of('serverCpu'), p50: of('p50') },
      databaseCpu: pid === undefined ? undefined : of('databaseCpu'),
    });
  }
  generator.stop();
  await db.destroy();
  return figures;

  async function seed(series: string, count: number): Promise<void> {
    const ids = Array.from({ length: count }, (_, index) => txnidOf(series, index + 1));
    for (let start = 0; start < count; start += 500) {
      const part = ids.slice(start, start + 500);
      const description = 'the order of the bench';
      await db
        .insertInto('dragonpay_transactions')
        .values(part.map((txnid) => ({ txnid, amount: '100.00', description })) as never[])
        .execute();
      await db
        .insertInto('orders')
        .values(part.map((txnid) => ({ txnid, paid: false })))
        .execute();
    }
  }

  /** Checks what is stored: a database that answers quickly and stores nothing must not win. */
  async function assertSettled(series: string, count: number, handler: string, refused: number): Promise<void> {
    const like = `${series}-%`;
    const counts = [
      await sql<{
        n: unknown;
      }>`select count(*) as n from dragonpay_transactions where txnid like ${like} and reached = 'S'`.execute(db),
      await sql<{
        n: unknown;
      }>`select count(*) as n from dragonpay_callbacks where id like ${like} and outcome = 'applied'`.execute(db),
      await sql<{ n: unknown }>`select count(*) as n from orders where txnid like ${like} and paid`.execute(db),
    ].map(({ rows }) => Number(rows[0]?.n));
    const expected = [count, count, handler === 'none' ? 0 : count];
    if (refused > 0 || String(counts) !== String(expected)) {
      throw new Error(`${database}, ${handler}: ${refused} refused, settled, recorded and paid: ${counts}`);
    }
  }
}
