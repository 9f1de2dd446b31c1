import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kysely, MysqlDialect, PostgresDialect, sql } from 'kysely';
import Database from 'libsql';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../examples/support/embedded-postgres/embedded-postgres.js';
import { type RepositoryDialect, withNamedStatements } from '../../src/kysely.js';
import { mysqlDialect } from '../../src/mysql.js';
import { postgres } from '../../src/repository/kysely/postgres/postgres.js';
import { SqliteFileDialect, sqliteDialect } from '../../src/sqlite.js';
import { makeServerFolder } from '../support/data-folder.js';
import { hasMariadb, startMariadb } from '../support/mariadb-server.js';
import { mysqlPool } from '../support/mysql-database.js';
import type { FaultsDatabase } from './effects.js';

/** A server of the campaign. It is durable, as in production. */
export interface FaultsServer {
  readonly url: string;
  /** Kills it as a crash does, waits, and starts it again on the same port. */
  crash(pause: number): Promise<void>;
  stop(): Promise<void>;
}

/** The connections of a process of the campaign. */
export interface FaultsPool {
  readonly db: Kysely<FaultsDatabase>;
  /** Takes a connection out of the pool for some milliseconds. */
  hold(milliseconds: number): Promise<void>;
}

/** The facts and actions of one kind of database that the campaign needs. */
export interface FaultsKind {
  readonly name: string;
  readonly dialect: RepositoryDialect;
  /** Whether this machine can start it. */
  readonly isHere: boolean;
  /** Whether it is a file. Then only processes can be killed, and no connection can be cut. */
  readonly isFile?: boolean;
  start(): Promise<FaultsServer>;
  /** Opens a pool with a maximum number of connections. */
  open(url: string, connections: number): FaultsPool;
  /** The statements that make the tables of the effects. */
  readonly effectsTables: readonly string[];
  /** Sends statements of the campaign itself, on a connection of their own. Resolves to the rows of the last one. */
  query(url: string, ...statements: readonly string[]): Promise<Record<string, unknown>[]>;
  /** Ends a connection of an application, at random. */
  terminateBackend(url: string): Promise<void>;
  /** Whether a chunk from a client is a COMMIT. */
  isCommit(said: Buffer): boolean;
  /** A query that runs for some seconds. */
  sleep(seconds: number): string;
}

export type FaultsName = 'postgres' | 'mariadb' | 'sqlite';

export const faultsKinds: Readonly<Record<FaultsName, FaultsKind>> = {
  postgres: {
    name: 'PostgreSQL',
    dialect: postgres,
    isHere: true,
    async start() {
      const dataFolder = await makeServerFolder('faults');
      const settings = { max_connections: '60' };
      let server = await startEmbeddedPostgres({ dataFolder, settings });
      const { port, url } = server;
      return {
        url,
        async crash(pause) {
          await server.kill();
          await sleep(pause);
          server = await startEmbeddedPostgres({ dataFolder, settings, port });
        },
        async stop() {
          await server.stop();
          await rm(dataFolder, { recursive: true, force: true });
        },
      };
    },
    open(connectionString, max) {
      const pool = new pg.Pool({ connectionString, max, connectionTimeoutMillis: 2_000 });
      pool.on('error', () => {});
      return {
        db: new Kysely({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) }),
        async hold(milliseconds) {
          const client = await pool.connect();
          setTimeout(() => client.release(), milliseconds);
        },
      };
    },
    effectsTables: [
      'create table fault_orders (number integer primary key)',
      'insert into fault_orders values (1)',
      `create table fault_effects (
  number bigint generated always as identity primary key,
  kind text not null, id text not null, status text not null, previous text not null, late boolean not null,
  txnid varchar(40) collate "C" references dragonpay_transactions,
  fault_order integer not null references fault_orders deferrable initially deferred
)`,
    ],
    async query(connectionString, ...statements) {
      const client = new pg.Client({ connectionString });
      client.on('error', () => {});
      await client.connect();
      try {
        let rows: Record<string, unknown>[] = [];
        for (const statement of statements) ({ rows } = await client.query(statement));
        return rows;
      } finally {
        await client.end().catch(() => {});
      }
    },
    async terminateBackend(url) {
      await this.query(
        url,
        `select pg_terminate_backend(pid) from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid() order by state = 'idle', random() limit 1`,
      );
    },
    isCommit: (said) => said.includes('commit\0'),
    sleep: (seconds) => `select pg_sleep(${seconds})`,
  },

  mariadb: {
    name: 'MariaDB',
    dialect: mysqlDialect,
    isHere: hasMariadb || process.env.CI !== undefined,
    async start() {
      const server = await startMariadb();
      const url = `${server.url}/faults`;
      await faultsKinds.mariadb.query(server.url, 'create database faults');
      return { url, crash: (pause) => server.crash(pause), stop: () => server.stop() };
    },
    open(url, connectionLimit) {
      const pool = mysqlPool(url, { connectionLimit, connectTimeout: 2_000 });
      return {
        db: new Kysely({ dialect: new MysqlDialect({ pool }) }),
        async hold(milliseconds) {
          const connection = await pool.promise().getConnection();
          setTimeout(() => connection.release(), milliseconds);
        },
      };
    },
    effectsTables: [
      'create table fault_orders (number integer primary key)',
      'insert into fault_orders values (1)',
      `create table fault_effects (
  number bigint auto_increment primary key,
  kind varchar(10) not null, id varchar(40) not null, status varchar(1) not null, previous varchar(1) not null,
  late boolean not null, txnid varchar(40), fault_order integer not null,
  foreign key (txnid) references dragonpay_transactions (txnid),
  foreign key (fault_order) references fault_orders (number)
) default character set utf8mb4 collate utf8mb4_nopad_bin`,
    ],
    async query(uri, ...statements) {
      const connection = await mysql.createConnection({ uri, connectTimeout: 2_000 });
      connection.on('error', () => {});
      try {
        let rows: unknown;
        for (const statement of statements) [rows] = await connection.query(statement);
        return rows as Record<string, unknown>[];
      } finally {
        await connection.end().catch(() => {});
      }
    },
    async terminateBackend(url) {
      const [found] = await this.query(
        url,
        `select id from information_schema.processlist where db = 'faults' and id <> connection_id()
order by command = 'Sleep', rand() limit 1`,
      );
      if (found !== undefined) await this.query(url, `kill ${found.id}`);
    },
    // A packet begins with its length and the number of a command. The text follows, without a terminator.
    isCommit: (said) => said.subarray(5).equals(commit),
    sleep: (seconds) => `select sleep(${seconds})`,
  },

  sqlite: {
    name: 'SQLite',
    dialect: sqliteDialect,
    isHere: true,
    isFile: true,
    async start() {
      const folder = await mkdtemp(join(tmpdir(), 'dragonpay-callback-faults-'));
      // The address is not used: there is no server that a proxy could stand in front of.
      const url = `sqlite://127.0.0.1:1${join(folder, 'faults.db')}`;
      return { url, crash: async () => {}, stop: () => rm(folder, { recursive: true, force: true }) };
    },
    open(url) {
      const open = () => {
        const handle = new Database(new URL(url).pathname);
        handle.pragma('foreign_keys = on');
        return handle;
      };
      const db = new Kysely<FaultsDatabase>({ dialect: new SqliteFileDialect({ open, busyMilliseconds: 2_000 }) });
      // SQLite has no connections to use up, so this holds the write lock.
      return { db, hold: (milliseconds) => db.transaction().execute(() => sleep(milliseconds)) };
    },
    effectsTables: [
      'create table fault_orders (number integer primary key)',
      'insert into fault_orders values (1)',
      `create table fault_effects (
  number integer primary key autoincrement,
  kind text not null, id text not null, status text not null, previous text not null, late boolean not null,
  txnid text references dragonpay_transactions,
  fault_order integer not null references fault_orders deferrable initially deferred
)`,
    ],
    async query(url, ...statements) {
      const { db } = this.open(url, 1);
      try {
        let rows: Record<string, unknown>[] = [];
        for (const statement of statements) ({ rows } = await sql.raw<Record<string, unknown>>(statement).execute(db));
        return rows;
      } finally {
        await db.destroy();
      }
    },
    terminateBackend: async () => {},
    isCommit: () => false,
    // SQLite runs in the process, so this blocks the process for that time.
    sleep: (seconds) => `with recursive counted (n) as (
  select 1 union all select n + 1 from counted limit ${Math.ceil(seconds * 3_000_000)}
) select count(*) from counted`,
  },
};

const commit = Buffer.from('commit');
