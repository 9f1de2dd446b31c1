import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../examples/support/embedded-postgres/embedded-postgres.js';
import { createMigrations } from '../src/kysely.js';
import { ordersTable, rivalTable } from './contender.js';
import { txnidsInSql } from './postbacks.js';

/** A PostgreSQL server with default settings, which are durable. */
export interface BenchServer {
  readonly pid: number;
  database(name: string): Promise<BenchDatabase>;
  stop(): Promise<void>;
}

/** A database with the tables of ours and of the rivals. */
export interface BenchDatabase {
  readonly url: string;
  readonly client: pg.Client;
  /** Adds the payments 1 to `count` of a series to the tables of ours and of the rivals. */
  seed(series: string, count: number): Promise<void>;
  /**
   * Makes the server allocate segments of its log that it can reuse, as a server has after some time. A new server
   * writes 16 MB of zeros for each new segment, and no commit passes meanwhile.
   */
  reuseLog(megabytes: number): Promise<void>;
  /** Closes the connection. */
  end(): Promise<void>;
}

export async function startServer(): Promise<BenchServer> {
  const dataFolder = await mkdtemp(join(process.env.BENCH_DATA ?? tmpdir(), 'dragonpay-callback-bench-'));
  await chmod(dataFolder, 0o755);
  const embedded = await startEmbeddedPostgres({ dataFolder });
  return {
    pid: embedded.pid,
    database: (name) => createDatabase(embedded.url, name),
    stop: async () => {
      await embedded.stop();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}

async function createDatabase(serverUrl: string, name: string): Promise<BenchDatabase> {
  const server = new pg.Client(serverUrl);
  await server.connect();
  await server.query(`create database ${name}`);
  await server.end();
  const address = new URL(serverUrl);
  address.pathname = `/${name}`;
  const client = new pg.Client(address.href);
  await client.connect();
  await client.query(createMigrations().toSQL());
  await client.query(rivalTable);
  await client.query(ordersTable);
  return {
    url: address.href,
    client,
    async seed(series, count) {
      const rows = txnidsInSql(series, count);
      await client.query(`insert into dragonpay_transactions (txnid, amount, currency, description)
select txnid, 100, 'PHP', 'the order of ' || txnid from (${rows}) as made`);
      await client.query(`insert into payments (txnid, amount, currency, description)
select txnid, 100, 'PHP', 'the order of ' || txnid from (${rows}) as made`);
      await client.query(`insert into orders (txnid) select txnid from (${rows}) as made`);
    },
    async reuseLog(megabytes) {
      await client.query(
        `select count(pg_logical_emit_message(false, 'bench', repeat('x', 1000000))) from generate_series(1, ${megabytes})`,
      );
      await client.query('checkpoint');
    },
    end: () => client.end(),
  };
}
