import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseUser } from './database-user.js';
import { unless } from './shared-place.js';

const SIGNAL_GRACE_MS = 10_000;

/** What is known of a process; undefined when it is gone, or only waits to be reaped. */
export function inspect(pid: number): { started: string; command: string } | undefined {
  try {
    if (process.platform !== 'linux') {
      const ps = (column: string) => execFileSync('ps', ['-ww', '-p', `${pid}`, '-o', column], { encoding: 'utf8' });
      return { started: ps('lstart=').trim(), command: ps('args=') };
    }
    const stats = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...fields] = stats.slice(stats.lastIndexOf(')') + 2).split(' ');
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return state === 'Z' ? undefined : { started: fields[18] ?? '', command };
  } catch {
    return undefined;
  }
}

const running = new Set<ChildProcess>();

/** In a session of its own, so that the terminal's ^C leaves it alone while this process drains. */
export async function launch(
  home: string,
  [program = '', ...flags]: string[],
  user: DatabaseUser,
): Promise<ChildProcess> {
  installHooks();
  const file = join(home, 'postgres.log');
  rmSync(file, { force: true }); // What remains of a killed server still writes to the old one.
  const log = openSync(file, 'w', 0o600);
  try {
    const env = { ...process.env, LC_ALL: 'C' };
    const child = spawn(program, flags, { ...user, cwd: '/', env, detached: true, stdio: ['ignore', log, log] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    child.unref();
    await once(child, 'spawn');
    return child;
  } finally {
    closeSync(log);
  }
}

function interruptAll(): void {
  for (const child of running) child.kill('SIGINT');
}

function installHooks(): void {
  if (process.listeners('exit').includes(interruptAll)) return;
  process.on('exit', interruptAll);
  // Prepended, to count listeners before those added with `once` are gone.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.prependListener(signal, dieWithoutOrphans);
}

/** A signal that nobody handles ends the process without an `exit` event. */
function dieWithoutOrphans(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  interruptAll();
  process.off(signal, dieWithoutOrphans);
  process.kill(process.pid, signal);
}

/** Ends a child, and waits until it is gone. */
export function shutDownChild(child: ChildProcess): Promise<void> {
  return shutDown(child.pid as number, () => hasEnded(child));
}

/** Ends a process: politely, then less so. */
export async function shutDown(pid: number, isGone: () => boolean): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (isGone()) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      unless('ESRCH')(error);
    }
    if (await waitUntil(isGone, SIGNAL_GRACE_MS)) return;
  }
  throw new Error(`PostgreSQL (process ${pid}) does not end`);
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

export async function waitUntil(condition: () => boolean, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}
