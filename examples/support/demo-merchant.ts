import type { AddressInfo, Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type DragonpaySettings, MemoryRepository } from 'dragonpay-callback';
import {
  createMigrations,
  type DragonpayTables,
  KyselyRepository,
  withNamedStatements,
} from 'dragonpay-callback/kysely';
import { type CallbackFields, encodeCallback, signCallback } from 'dragonpay-callback/testing';
import { Kysely, Migrator, PostgresDialect } from 'kysely';
import pg from 'pg';
import { startEmbeddedPostgres } from './embedded-postgres/embedded-postgres.js';
import { stopOnSignal } from './stop-on-signal.js';

/** Shared by the examples: a fictional merchant, a repository, and the message at the start. */

export const port = Number(process.env.PORT ?? 3000);

export const secretKey = 'demo secret key';

/** In production use `settingsFromEnv()`, and RSA instead of SHA-1. */
export const settings: DragonpaySettings = {
  merchantId: 'DEMO',
  environment: 'test',
  verification: { sha1: { secretKeys: [secretKey] } },
};

/** Opens the PostgreSQL of `DATABASE_URL`, or an embedded one, for the examples that require a database. */
export async function openDatabase(): Promise<string> {
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL !== undefined) return DATABASE_URL;
  const dataFolder = fileURLToPath(new URL('../../.data/examples', import.meta.url));
  const { url, stop } = await startEmbeddedPostgres({ dataFolder });
  // The end of the pool is not awaited: open connections would report errors while the server stops.
  stopOnSignal(() => void stop());
  return url;
}

/** Opens a repository: in PostgreSQL if a URL is given, else in memory. */
export async function openRepository(
  url = process.env.DATABASE_URL,
): Promise<KyselyRepository<DragonpayTables> | MemoryRepository> {
  if (url === undefined) return new MemoryRepository();
  const pool = new pg.Pool({ connectionString: url });
  pool.on('error', (error) => console.error(`an idle connection broke: ${error.message}`));
  const db = new Kysely<DragonpayTables>({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) });
  const migrations = createMigrations();
  const { error } = await new Migrator({ db, provider: migrations, ...migrations }).migrateToLatest();
  if (error) throw error;
  return new KyselyRepository(db);
}

/** Prints where the example listens, and a command that sends it a signed callback. */
export function announce(server: Server, path: string, fields: CallbackFields): void {
  server.once('listening', () => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
    console.log(`Listening on ${url}`);
    console.log(`To pay:  curl -i ${url} -d '${encodeCallback(signCallback(fields, { sha1: { secretKey } }))}'`);
  });
}
