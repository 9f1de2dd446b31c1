import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import { freePort } from './free-port.js';

/** A MariaDB of its own, without other users. */
export interface MariadbServer {
  /** Connects as `root`, without a database. */
  readonly url: string;
  readonly pid: number;
  /** Kills the server, waits some milliseconds, and starts it again on the same files and port. */
  crash(pause: number): Promise<void>;
  stop(): Promise<void>;
}

const environment = { ...process.env, PATH: `${process.env.PATH}${delimiter}/usr/sbin${delimiter}/usr/local/sbin` };

/** Whether the tests can start a MariaDB. */
export const hasMariadb = spawnSync('mariadbd', ['--version'], { env: environment }).status === 0;

/** The settings of a server whose COMMIT is durable, with little memory and without the start-up work of a big one. */
const settings = [
  '--skip-name-resolve',
  '--bind-address=127.0.0.1',
  '--max-connections=300',
  '--innodb-buffer-pool-size=64M',
  '--innodb-log-file-size=32M',
  '--innodb-buffer-pool-dump-at-shutdown=OFF',
  '--innodb-buffer-pool-load-at-startup=OFF',
  // A crash of the process loses nothing. Test data need not survive a power cut.
  '--innodb-flush-method=nosync',
];

/**
 * Starts a MariaDB in a folder of its own. `stop` deletes the folder.
 * @param more flags that replace those of the tests
 */
export async function startMariadb(more: readonly string[] = []): Promise<MariadbServer> {
  const folder = await mkdtemp(join(tmpdir(), 'dragonpay-callback-mariadb-'));
  const data = join(folder, 'data');
  // In a common folder, a server that starts would delete the temporary tables of the others.
  const temporary = join(folder, 'temporary');
  for (const path of [data, temporary]) await mkdir(path);
  // If this process is root, MariaDB runs as another user, who must have access to the folder.
  const user = process.getuid?.() === 0 ? ['--user=mysql'] : [];
  await chmod(folder, 0o755);
  if (user.length > 0) for (const path of [data, temporary]) await chown(path, idOf('-u'), idOf('-g'));
  const place = ['--no-defaults', ...user, `--datadir=${data}`, `--tmpdir=${temporary}`];
  run('mariadb-install-db', [
    ...place,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    '--skip-name-resolve',
    '--innodb-log-file-size=32M',
  ]);
  const port = await freePort();
  const url = `mysql://root@127.0.0.1:${port}`;
  const log = join(folder, 'mariadb.log');
  const flags = [...place, ...settings, ...more, `--port=${port}`, `--socket=${join(data, 'mariadb.sock')}`];
  let child = await launch(flags, log, url);
  let watch = endWithThisProcess(child, folder);
  return {
    url,
    get pid() {
      return child.pid ?? 0;
    },
    async crash(pause) {
      watch.kill();
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await sleep(pause);
      child = await launch(flags, log, url);
      watch = endWithThisProcess(child, folder);
    },
    async stop() {
      watch.kill();
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Starts a shell that ends the server and deletes its folder when this process is gone, however it ended: the shell then
 * reads the end of its input. It is in a group of its own, so that an interrupt in a terminal does not end it first.
 */
function endWithThisProcess({ pid }: ChildProcess, folder: string): ChildProcess {
  const wait = 'read -r line; kill -9 "$0"; sleep 1; rm -rf "$1"';
  const shell = spawn('sh', ['-c', wait, String(pid), folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  shell.unref();
  (shell.stdin as Socket | null)?.unref();
  return shell;
}

async function launch(flags: readonly string[], log: string, url: string): Promise<ChildProcess> {
  const file = openSync(log, 'a');
  const child = spawn('mariadbd', flags, { env: environment, cwd: '/', stdio: ['ignore', file, file] });
  closeSync(file);
  await once(child, 'spawn');
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) break;
    const connection = await mysql.createConnection(url).catch(() => undefined);
    if (connection !== undefined) {
      await connection.end();
      return child;
    }
    await sleep(50);
  }
  child.kill('SIGKILL');
  throw new Error(`mariadbd did not start: ${readFileSync(log, 'utf8').slice(-2_000)}`);
}

function run(program: string, flags: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(program, flags, { encoding: 'utf8', env: environment });
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stdout + stderr}`);
}

function idOf(flag: '-u' | '-g'): number {
  return Number(spawnSync('id', [flag, 'mysql'], { encoding: 'utf8' }).stdout);
}
