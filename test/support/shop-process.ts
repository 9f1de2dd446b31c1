import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { makeServerFolder } from './data-folder.js';
import { root } from './program.js';

/** The output and the exit code of a process. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A demo shop in another process. */
export interface ShopProcess {
  readonly url: string;
  /** The URL of its sandbox, or an empty string without one. */
  readonly sandboxUrl: string;
  readonly child: ChildProcess;
  /** Its stdout so far. */
  log(): string;
  /** Sends a signal (default: SIGINT) and waits for the exit. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

/** The environment of a shop, without the shop's variables of this process. */
function shopEnv(variables: Record<string, string>): NodeJS.ProcessEnv {
  const own = /^(?:DRAGONPAY_.*|DATABASE|DATABASE_URL|SHOP_DATA|SERVER|HOST|PORT|UPDATE_ON_GET)$/;
  const inherited = Object.entries(process.env).filter(([name]) => !own.test(name));
  return { ...Object.fromEntries(inherited), PORT: '0', ...variables };
}

const running = new Set<ChildProcess>();

function run(command: readonly string[], env: Record<string, string>): { child: ChildProcess; ended: Promise<Ended> } {
  const [program = '', ...flags] = command;
  const child = spawn(program, flags, { cwd: root, env: shopEnv(env) });
  running.add(child);
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
    });
  }
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child);
    return { code, ...said };
  });
  return { child, ended };
}

const asNpmWould = [process.execPath, '--import', 'tsx', 'examples/shop/main.ts'];

/** Runs a shop that cannot open until it exits. */
export function runShop(env: Record<string, string>): Promise<Ended> {
  return run(asNpmWould, env).ended;
}

/** Starts a shop on a free port and waits until it is open. With `npm`, starts it by `npm start`. */
export async function startShop(env: Record<string, string>, options: { npm?: boolean } = {}): Promise<ShopProcess> {
  const { child, ended } = run(options.npm ? ['npm', 'start', '--silent'] : asNpmWould, env);
  let log = '';
  child.stdout?.on('data', (text: string) => {
    log += text;
  });
  const opened = new Promise<string>((resolve) => {
    child.stdout?.on('data', () => {
      const url = /is open: (http:\S+)/.exec(log)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
  const failed = ended.then(({ code, stderr }) => {
    throw new Error(`the shop ended with ${code}: ${stderr}`);
  });
  const url = await Promise.race([opened, failed]);
  failed.catch(() => {});
  const stop = (signal: NodeJS.Signals = 'SIGINT') => {
    child.kill(signal);
    return ended;
  };
  const sandboxUrl = /sandbox: (http:\S+)/.exec(log)?.[1] ?? '';
  return { url, sandboxUrl, child, log: () => log, stop };
}

/**
 * A free port whose successor is free too: the sandbox of a shop takes it. It is below the ports that the system gives
 * to other tests, so that a shop can start again on it.
 */
export async function freePorts(): Promise<string> {
  for (;;) {
    const port = randomInt(20_000, 30_000);
    if ((await isFree(port)) && (await isFree(port + 1))) return String(port);
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Stops the shops that a failed test left. On a second signal a shop stops its PostgreSQL; SIGKILL would not. */
export async function killShops(): Promise<void> {
  for (const child of running) {
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGTERM'), 3_000);
    await closed;
    clearTimeout(timer);
  }
}

/** A data folder of a shop. */
export function makeDataFolder(): Promise<string> {
  return makeServerFolder('shop');
}

/** The process id of the PostgreSQL of a data folder, or `undefined`. */
export function postmasterOf(dataFolder: string): number | undefined {
  const file = join(dataFolder, 'cluster/postmaster.pid');
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : undefined;
}

/** Whether a process exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
