import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kysely, Migrator, PostgresDialect } from 'kysely';
import pg from 'pg';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../examples/support/embedded-postgres/embedded-postgres.js';
import { createMigrations, type DragonpayTables, type TableNames, withNamedStatements } from '../../src/kysely.js';

/** A database of one's own on the test server, with the tables in place. */
export interface TestDatabase {
  readonly url: string;
  readonly pool: pg.Pool;
  readonly db: Kysely<DragonpayTables>;
  /** Ends the pool and drops the database. */
  destroy(): Promise<void>;
}

let server: Promise<{ url: string; stop(): Promise<void> }> | undefined;

/** The address of a PostgreSQL: `DATABASE_URL`, or an embedded one that the first caller starts. */
export async function testServerUrl(): Promise<string> {
  server ??= startServer();
  return (await server).url;
}

async function startServer(): Promise<{ url: string; stop(): Promise<void> }> {
  const given = process.env.DATABASE_URL;
  if (given !== undefined) return { url: given, stop: async () => {} };
  const dataFolder = await mkdtemp(join(tmpdir(), 'dragonpay-callback-test-'));
  // As root PostgreSQL runs as a user of its own, who has to get in.
  await chmod(dataFolder, 0o755);
  // The data of tests need not survive a power cut; everything else is as in production.
  const embedded: EmbeddedPostgres = await startEmbeddedPostgres({
    dataFolder,
    settings: { fsync: 'off', max_connections: '200' },
  });
  return {
    url: embedded.url,
    stop: async () => {
      await embedded.stop();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}

/** Stops the server that {@link testServerUrl} started. */
export async function stopTestServer(): Promise<void> {
  await (await server)?.stop();
  server = undefined;
}

/** Makes a database on the test server and migrates it. */
export async function createTestDatabase(
  options: TableNames & { readonly poolSize?: number } = {},
): Promise<TestDatabase> {
  const serverUrl = await testServerUrl();
  const name = `dragonpay_test_${randomBytes(6).toString('hex')}`;
  await runOnServer(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href, max: options.poolSize ?? 10 });
  pool.on('error', () => {});
  const db = new Kysely<DragonpayTables>({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) });
  const migrations = createMigrations(options);
  const { error } = await new Migrator({ db, provider: migrations, ...migrations }).migrateToLatest();
  if (error) throw error;
  return {
    url: url.href,
    pool,
    db,
    destroy: async () => {
      await db.destroy();
      await runOnServer(serverUrl, `drop database if exists ${name} with (force)`);
    },
  };
}

async function runOnServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
