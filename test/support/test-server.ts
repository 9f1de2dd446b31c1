import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Kysely, Migrator, PostgresDialect } from 'kysely';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../examples/support/embedded-postgres/embedded-postgres.js';
import { createMigrations, type DragonpayTables, type TableNames } from '../../src/kysely.js';
import { makeServerFolder } from './data-folder.js';
import { startMariadb } from './mariadb-server.js';

/** The PostgreSQL that the tests share. */
export interface TestServer {
  readonly url: string;
  /** The name of a migrated database without rows, from which others are copied. */
  readonly template: string;
}

interface RunningServer extends TestServer {
  stop(): Promise<void>;
}

/** Holds the address at which the process that owns the server describes it. */
const variable = 'DRAGONPAY_TEST_SERVER';

let running: Promise<RunningServer> | undefined;

/**
 * Finds the test server: the one of `DATABASE_URL`, or an embedded one. The first call of a run starts it, in the main
 * process of mocha. Without {@link offerTestServer} it is started in this process.
 */
export async function findTestServer(): Promise<TestServer> {
  const address = process.env[variable];
  if (address === undefined) {
    running ??= startServer();
    return running;
  }
  const response = await fetch(address);
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as TestServer;
}

let runningMariadb: ReturnType<typeof startMariadb> | undefined;

/** Finds the MariaDB of a run, as {@link findTestServer} finds its PostgreSQL. Resolves to its URL. */
export async function findMariadb(): Promise<string> {
  const address = process.env[variable];
  if (address === undefined) {
    runningMariadb ??= startMariadb();
    return (await runningMariadb).url;
  }
  const response = await fetch(`${address}/mariadb`);
  if (!response.ok) throw new Error(await response.text());
  return await response.text();
}

/** Lets the worker processes of mocha find the servers of this process. Returns a function that stops them. */
export async function offerTestServer(): Promise<() => Promise<void>> {
  const broker = createServer((request, response) => {
    const describe = request.url === '/mariadb' ? describeMariadb : describePostgres;
    describe().then(
      (text) => response.end(text),
      (error: Error) => response.writeHead(500).end(`the test server did not start: ${error.stack}`),
    );
  });
  broker.listen(0, '127.0.0.1');
  await once(broker, 'listening');
  process.env[variable] = `http://127.0.0.1:${(broker.address() as AddressInfo).port}`;
  return async () => {
    delete process.env[variable];
    broker.closeAllConnections();
    broker.close();
    await stopTestServer();
  };
}

async function describePostgres(): Promise<string> {
  running ??= startServer();
  const { url, template } = await running;
  return JSON.stringify({ url, template });
}

async function describeMariadb(): Promise<string> {
  runningMariadb ??= startMariadb();
  return (await runningMariadb).url;
}

/** Stops the servers that this process started. */
export async function stopTestServer(): Promise<void> {
  const stopping = [running, runningMariadb];
  running = undefined;
  runningMariadb = undefined;
  await Promise.all(stopping.map(async (server) => (await server)?.stop()));
}

async function startServer(): Promise<RunningServer> {
  const given = process.env.DATABASE_URL;
  const { url, stop } = given === undefined ? await startEmbedded() : { url: given, stop: async () => {} };
  const template = `dragonpay_template_${randomBytes(6).toString('hex')}`;
  await runOnServer(url, `create database ${template}`);
  const db = new Kysely<DragonpayTables>({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: urlOfDatabase(url, template) }) }),
  });
  await migrateTestDatabase(db, {});
  // PostgreSQL copies no database that has connections.
  await db.destroy();
  return {
    url,
    template,
    stop: async () => {
      if (given !== undefined) await runOnServer(url, `drop database ${template}`);
      await stop();
    },
  };
}

async function startEmbedded(): Promise<{ url: string; stop(): Promise<void> }> {
  const dataFolder = await makeServerFolder('test');
  // Test data need not survive a power cut. Everything else is as in production.
  const { url, stop } = await startEmbeddedPostgres({
    dataFolder,
    settings: { fsync: 'off', max_connections: '300' },
  });
  return {
    url,
    stop: async () => {
      await stop();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}

/** The connection string of another database on the same server. */
export function urlOfDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

export async function migrateTestDatabase(db: Kysely<DragonpayTables>, names: TableNames): Promise<void> {
  const migrations = createMigrations(names);
  const { error } = await new Migrator({ db, provider: migrations, ...migrations }).migrateToLatest();
  if (error) throw error;
}

/** Runs one statement on a connection that is closed afterwards. */
export async function runOnServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
