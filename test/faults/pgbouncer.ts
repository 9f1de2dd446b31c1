import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { databaseUser } from '../../examples/support/embedded-postgres/database-user.js';
import { hasEnded, launch } from '../../examples/support/embedded-postgres/processes.js';
import { freePort } from '../support/free-port.js';

/** In `transaction` mode, clients share a server connection from one transaction to the next. */
export const poolModes = ['transaction', 'session'] as const;
export type PoolMode = (typeof poolModes)[number];

const places = `${process.env.PATH}${delimiter}/usr/sbin`;
const program = spawnSync('sh', ['-c', 'command -v pgbouncer'], { encoding: 'utf8', env: { PATH: places } });

/** Whether a PgBouncer can be started on this machine. */
export const hasPgBouncer = program.status === 0;

/** A PgBouncer between the applications and a PostgreSQL. */
export class PgBouncer {
  readonly port: number;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
  }

  static async start(url: string, mode: PoolMode): Promise<PgBouncer> {
    const folder = await mkdtemp(join(tmpdir(), 'dragonpay-callback-pgbouncer-'));
    const pooler = new PgBouncer(folder, await freePort());
    await writeFile(join(folder, 'pgbouncer.ini'), settingsOf(new URL(url), mode, pooler.port), { mode: 0o600 });
    // Like PostgreSQL, it refuses to run as root.
    const user = databaseUser();
    if (user !== undefined) {
      for (const path of [folder, join(folder, 'pgbouncer.ini')]) await chown(path, user.uid, user.gid);
    }
    await pooler.#launch();
    return pooler;
  }

  /** Kills it, which breaks all connections to both sides, and starts it again on the same port after a pause. */
  async crash(pause: number): Promise<void> {
    await this.#kill();
    await sleep(pause);
    await this.#launch();
  }

  async stop(): Promise<void> {
    await this.#kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #launch(): Promise<void> {
    const command = [program.stdout.trim(), join(this.#folder, 'pgbouncer.ini')];
    const child = await launch(this.#folder, command, databaseUser());
    this.#child = child;
    for (let tries = 0; tries < 200 && !hasEnded(child); tries++) {
      if (await listens(this.port)) return;
      await sleep(50);
    }
    throw new Error(`pgbouncer did not start: see ${this.#folder}`);
  }

  async #kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || hasEnded(child)) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}

/** In transaction mode, clients share connections to the server, so there are fewer of these than clients. */
function settingsOf({ hostname, port, username, password }: URL, mode: PoolMode, listenPort: number): string {
  return `[databases]
* = host=${hostname} port=${port} user=${username} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${mode === 'transaction' ? 5 : 20}
; How long a client waits for a connection, and how long PostgreSQL is left alone after it refused one: seconds.
query_wait_timeout = 3
server_login_retry = 1
`;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isThere = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isThere;
}
