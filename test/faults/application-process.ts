import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CuttingProxy } from './cutting-proxy.js';

const file = fileURLToPath(new URL('application.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

/** A place for an application process: whatever dies there is started again. */
export class ApplicationProcess {
  readonly proxy: CuttingProxy;
  readonly #environment: () => Record<string, string>;
  readonly #onMisbehaviour: (name: string) => void;
  #child: ChildProcess | undefined;
  #port: number | undefined;
  #isMeantToDie = false;
  /** What processes said that ended by themselves: none should. */
  readonly crashes: string[] = [];

  constructor(proxy: CuttingProxy, environment: () => Record<string, string>, onMisbehaviour: (name: string) => void) {
    this.proxy = proxy;
    this.#environment = environment;
    this.#onMisbehaviour = onMisbehaviour;
  }

  /** Where it listens; `undefined` while it is down. */
  get port(): number | undefined {
    return this.#port;
  }

  async start(): Promise<void> {
    const { NODE_V8_COVERAGE: _, ...environment } = process.env;
    const child = fork(file, [], {
      ...{ cwd: root, execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] },
      env: { ...environment, ...this.#environment() },
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

  /** SIGKILL, at whatever line it is. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM: it drains, closes and ends. Whether it did so in good order, if it was there. */
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

  /** Stands still for so many milliseconds, in the middle of everything. */
  freeze(milliseconds: number): void {
    const child = this.#child;
    child?.kill('SIGSTOP');
    setTimeout(() => child?.kill('SIGCONT'), milliseconds);
  }

  exhaustPool(milliseconds: number): void {
    if (this.#child?.connected) this.#child.send({ exhaust: milliseconds }, () => {});
  }
}
