import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseUser } from './database-user.js';
import { unless } from './shared-place.js';

const SIGNAL_GRACE_MS = 10_000;

/** The start time and the command of a process; `undefined` if it is gone or a zombie. */
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

/** Starts a process in its own session, so that Ctrl-C in the terminal does not end it before this process. */
export async function launch(
  home: string,
  [program = '', ...flags]: string[],
  user: DatabaseUser,
): Promise<ChildProcess> {
  installHooks();
  const file = join(home, 'postgres.log');
  rmSync(file, { force: true }); // Processes of a killed server still write to the old file.
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
  // Prepended, so that listeners added with `once` are still counted.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.prependListener(signal, dieWithoutOrphans);
}

/** Stops the servers on a signal without other listeners, which ends the process without an `exit` event. */
function dieWithoutOrphans(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  interruptAll();
  process.off(signal, dieWithoutOrphans);
  process.kill(process.pid, signal);
}

/** Ends a child process, and waits until it is gone. */
export function shutDownChild(child: ChildProcess): Promise<void> {
  return shutDown(child.pid as number, () => hasEnded(child));
}

/** Ends a process with SIGINT, then SIGQUIT, then SIGKILL, and waits until it is gone. */
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
