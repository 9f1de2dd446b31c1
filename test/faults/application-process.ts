import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { CuttingProxy } from './cutting-proxy.js';

const source = fileURLToPath(new URL('application.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
/** The folder is in the project, so that the code finds the packages. */
const bundle = join(root, 'node_modules/.cache', `dragonpay-callback-faults-${process.pid}.mjs`);

/** Bundles the application and this package into one file, so that a process starts in a fifth of the time. */
export async function bundleApplication(): Promise<void> {
  await build({
    ...{ entryPoints: [source], outfile: bundle, bundle: true, platform: 'node', format: 'esm', packages: 'external' },
    ...{ target: 'node20', logLevel: 'warning', tsconfig: join(root, 'tsconfig.json') },
  });
}

export async function deleteBundle(): Promise<void> {
  await rm(bundle, { force: true });
}

/** Runs an application process and restarts it when it dies. */
export class ApplicationProcess {
  readonly proxy: CuttingProxy;
  readonly #environment: () => Record<string, string>;
  readonly #onMisbehaviour: (name: string) => void;
  #child: ChildProcess | undefined;
  #port: number | undefined;
  #isMeantToDie = false;
  /** The output of processes that exited by themselves. There should be none. */
  readonly crashes: string[] = [];

  constructor(proxy: CuttingProxy, environment: () => Record<string, string>, onMisbehaviour: (name: string) => void) {
    this.proxy = proxy;
    this.#environment = environment;
    this.#onMisbehaviour = onMisbehaviour;
  }

  /** Its port, or `undefined` while it is down. */
  get port(): number | undefined {
    return this.#port;
  }

  async start(): Promise<void> {
    const child = fork(bundle, [], {
      ...{ cwd: root, execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] },
      env: { ...process.env, ...this.#environment() },
    });
    this.#child = child;
    this.#isMeantToDie = false;
    let complaint = '';
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      complaint = `${complaint}${text}`.slice(-2_000);
    });
    const listening = new Promise<void>((resolve) => {
      child.on('message', (message: { port?: number; misbehaviour?: string }) => {
        if (message.misbehaviour !== undefined) this.#onMisbehaviour(message.misbehaviour);
        if (message.port === undefined) return;
        this.#port = message.port;
        resolve();
      });
      child.once('exit', (code, signal) => {
        this.#port = undefined;
        resolve();
        if (this.#isMeantToDie) return;
        this.crashes.push(`ended by itself (${code ?? signal}): ${complaint}`);
        if (this.crashes.length < 10) void this.start();
      });
    });
    await listening;
  }

  /** Sends SIGKILL. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Sends SIGTERM. The process drains, closes and exits. Returns whether it exited cleanly or was already down. */
  async terminate(): Promise<boolean> {
    const code = await this.#end('SIGTERM');
    return code === 0 || code === undefined;
  }

  async #end(signal: NodeJS.Signals): Promise<number | null | undefined> {
    const child = this.#child;
    this.#port = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return undefined;
    this.#isMeantToDie = true;
    const ended = once(child, 'exit');
    child.kill(signal);
    const [code] = await ended;
    return code as number | null;
  }

  /** Suspends the process for some milliseconds. */
  freeze(milliseconds: number): void {
    const child = this.#child;
    child?.kill('SIGSTOP');
    setTimeout(() => child?.kill('SIGCONT'), milliseconds);
  }

  exhaustPool(milliseconds: number): void {
    this.#tell({ exhaust: milliseconds });
  }

  /** Sets its clock forward, or back. */
  stepClock(milliseconds: number): void {
    this.#tell({ step: milliseconds });
  }

  #tell(message: object): void {
    if (this.#child?.connected) this.#child.send(message, () => {});
  }
}
