import { execFile } from 'node:child_process';
import { chown, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { databaseUser } from '../../examples/support/embedded-postgres/database-user.js';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../examples/support/embedded-postgres/embedded-postgres.js';
import { makeServerFolder } from '../support/data-folder.js';
import { CuttingProxy } from './cutting-proxy.js';
import { type FaultsServer, faultsKinds } from './databases.js';

const query = faultsKinds.postgres.query;

interface Node {
  readonly folder: string;
  server: EmbeddedPostgres;
}

/**
 * A PostgreSQL with a synchronous standby: a COMMIT is answered when both have it. In place of a crash, the primary is
 * killed and the standby promoted.
 */
export class ReplicatedPostgres implements FaultsServer {
  #address: CuttingProxy | undefined;
  #primary: Node;
  #standby: Node | undefined;
  /** The port of the next standby: the one of the primary that was killed. */
  #freePort: number | undefined;

  private constructor(primary: Node) {
    this.#primary = primary;
  }

  static async start(): Promise<ReplicatedPostgres> {
    const folder = await makeServerFolder('faults');
    const pair = new ReplicatedPostgres({ folder, server: await startNode(folder) });
    try {
      await query(pair.#primary.server.url, `alter system set ${waiting}`, 'select pg_reload_conf()');
      pair.#address = await CuttingProxy.start(() => pair.#primary.server.port);
      await pair.addStandby();
    } catch (error) {
      await pair.stop();
      throw error;
    }
    return pair;
  }

  /** A proxy to the current primary, like the address of a managed database. */
  get url(): string {
    return this.#address?.through(this.#primary.server.url) ?? this.#primary.server.url;
  }

  /** The addresses of the primary and of its standby. */
  get nodes(): readonly string[] {
    return [this.#primary, this.#standby].flatMap((node) => node?.server.url ?? []);
  }

  /**
   * Fails over, and adds a standby again. If `pause` is odd, the standby is killed first. The primary then waits for it
   * with each COMMIT, longer than the time-outs of its transactions.
   */
  async crash(pause: number): Promise<void> {
    if (Math.floor(pause) % 2 === 1) await this.loseStandby(3_000);
    await this.failOver();
    await this.addStandby();
  }

  /** Kills the standby and waits. `failOver` starts it again after it has killed the primary. */
  async loseStandby(milliseconds: number): Promise<void> {
    await this.#standby?.server.kill();
    await sleep(milliseconds);
  }

  /** Kills the primary and promotes the standby. */
  async failOver(): Promise<void> {
    const [old, next] = [this.#primary, this.#standby];
    if (next === undefined) throw new Error('there is no standby');
    await old.server.kill();
    // Starts the standby if it was killed, and does nothing if it runs.
    if (!(await isUp(next.server.url))) next.server = await startNode(next.folder, next.server.port);
    // A call that waits for the promotion may be cancelled as a conflict with what the standby still replays.
    await query(next.server.url, 'select pg_promote(false)');
    while (await isInRecovery(next.server.url)) await sleep(20);
    this.#primary = next;
    this.#standby = undefined;
    this.#freePort = old.server.port;
    this.#address?.cutAll();
    await rm(old.folder, { recursive: true, force: true });
  }

  /** Copies the running primary, and waits until the copy is its synchronous standby. Until then, each COMMIT waits. */
  async addStandby(): Promise<void> {
    const primary = this.#primary.server;
    const folder = await makeServerFolder('faults');
    await copyNode(primary, this.#primary.folder, folder);
    const server = await startNode(folder, this.#freePort);
    this.#standby = { folder, server };
    const isThere = `select 1 from pg_stat_replication where sync_state = 'sync'`;
    for (let tries = 0; tries < 600; tries++) {
      if ((await query(primary.url, isThere)).length > 0) return;
      await sleep(50);
    }
    throw new Error('the standby does not catch up');
  }

  async stop(): Promise<void> {
    await this.#address?.close();
    for (const node of [this.#standby, this.#primary]) {
      await node?.server.kill();
      if (node !== undefined) await rm(node.folder, { recursive: true, force: true });
    }
  }
}

/** Makes each COMMIT wait for any standby. */
const waiting = `synchronous_standby_names = '*'`;

function startNode(dataFolder: string, port = 0): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataFolder, port, settings: { max_connections: '60', wal_keep_size: '512MB' } });
}

/** A base backup with nothing but SQL and `cp`: the embedded PostgreSQL has no `pg_basebackup`. */
async function copyNode({ url, port }: EmbeddedPostgres, from: string, to: string): Promise<void> {
  const client = await connect(url);
  try {
    await client.query(`select pg_backup_start('standby', true)`);
    // It fails if a file is deleted meanwhile, which is allowed during a backup.
    await promisify(execFile)('cp', ['-a', join(from, 'cluster'), join(from, 'password'), to]).catch(() => {});
    const { rows } = await client.query('select labelfile from pg_backup_stop(false)');
    const cluster = join(to, 'cluster');
    for (const name of ['postmaster.pid', 'postmaster.opts']) await rm(join(cluster, name), { force: true });
    // The copy gets the missing part of the log from the primary.
    const log = join(cluster, 'pg_wal');
    for (const { name } of (await readdir(log, { withFileTypes: true })).filter((entry) => entry.isFile())) {
      await rm(join(log, name));
    }
    const password = new URL(url).password;
    await write(cluster, 'backup_label', rows[0].labelfile);
    await write(cluster, 'standby.signal', '');
    const primary = `host=127.0.0.1 port=${port} user=postgres password=${password} application_name=standby`;
    // After its promotion, its first COMMIT already waits for a standby.
    await write(cluster, 'postgresql.auto.conf', `primary_conninfo = '${primary}'\n${waiting}\n`);
  } finally {
    await client.end().catch(() => {});
  }
}

async function write(cluster: string, name: string, text: string): Promise<void> {
  const path = join(cluster, name);
  await writeFile(path, text, { mode: 0o600 });
  const user = databaseUser();
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function isUp(url: string): Promise<boolean> {
  return query(url, 'select 1').then(
    () => true,
    () => false,
  );
}

async function isInRecovery(url: string): Promise<boolean> {
  const [answer] = await query(url, 'select pg_is_in_recovery() as standby');
  return answer?.standby === true;
}
