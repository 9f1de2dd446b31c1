import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseUser } from './database-user.js';
import { hasEnded, inspect, launch, shutDown, shutDownChild, waitUntil } from './processes.js';

const READY_WITHIN_MS = 30_000;

/** Creates a cluster. It is renamed when it is complete, so a killed initdb leaves no incomplete cluster behind. */
export async function initialise(home: string, cluster: string, binaries: string, user: DatabaseUser): Promise<void> {
  const prefix = `${cluster}.new-`;
  const leftovers = (await fs.readdir(home)).map((name) => join(home, name)).filter((path) => path.startsWith(prefix));
  await Promise.allSettled(leftovers.map((path) => fs.rm(path, { recursive: true, force: true })));
  const draft = await fs.mkdtemp(prefix);
  const password = join(home, 'password');
  await fs.writeFile(password, randomBytes(24).toString('hex'), { mode: 0o600 });
  if (user) await Promise.all([draft, password].map((path) => fs.chown(path, user.uid, user.gid)));

  const choices = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync'];
  const command = [join(binaries, 'bin/initdb'), `--pgdata=${draft}`, `--pwfile=${password}`, ...choices];
  const child = await launch(home, command, user);
  const isInTime = await waitUntil(() => hasEnded(child), READY_WITHIN_MS);
  if (child.exitCode !== 0) {
    await shutDownChild(child);
    await fs.rm(draft, { recursive: true, force: true });
    throw new Error(`PostgreSQL's initdb ${isInTime ? 'failed' : 'takes too long'}: ${failureIn(home)}`);
  }
  await fs.rename(draft, cluster);
}

/** Starts the server, and waits until it accepts connections. */
export async function startPostmaster(
  home: string,
  cluster: string,
  command: string[],
  user: DatabaseUser,
): Promise<ChildProcess> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const child = await launch(home, command, user);
    const isReady = () => readLockFile(cluster).join() === `${child.pid},ready`;
    const isInTime = await waitUntil(() => hasEnded(child) || isReady(), deadline - performance.now());
    if (isInTime && !hasEnded(child)) return child;
    const failure = failureIn(home);
    await shutDownChild(child);
    if (!isInTime) throw new Error(`PostgreSQL was not ready within ${READY_WITHIN_MS / 1000} s: ${failure}`);
    // A server that was just killed may still have running processes.
    if (!/pre-existing shared memory|lock file/.test(failure)) throw new Error(`PostgreSQL did not start: ${failure}`);
    await sleep(100);
    await stopOrphan(cluster);
  }
}

/** Shuts down the server that a killed process left running on this cluster. */
export async function stopOrphan(cluster: string): Promise<void> {
  const [pid] = readLockFile(cluster);
  if (pid === undefined) return;
  const isGone = () => !inspect(pid)?.command.includes(`postgres -D ${cluster} `);
  await shutDown(pid, isGone);
  await fs.rm(join(cluster, 'postmaster.pid'), { force: true });
}

function readLockFile(cluster: string): [pid?: number, status?: string] {
  try {
    const lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
    return [Number(lines[0]), (lines[7] ?? '').trim()];
  } catch {
    return [];
  }
}

function failureIn(home: string): string {
  const log = readFileSync(join(home, 'postgres.log'), 'utf8').trim();
  const cause = /could not bind .*/.exec(log) ?? [...log.matchAll(/\b(?:error|FATAL|PANIC): .*/g)].at(-1);
  return cause?.[0] ?? log.split('\n').at(-1) ?? '';
}
