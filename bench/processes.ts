import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ContenderSettings } from './contender.js';
import type { Load, LoadResult } from './load-process.js';
import type { ServerMark } from './server-process.js';

function launch(file: string, args: readonly string[], core: number | undefined, flags: readonly string[] = []) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const command = [...(core === undefined ? [] : ['taskset', '-c', String(core)]), process.execPath, ...flags, path];
  const [program = '', ...rest] = [...command, ...args];
  const child = spawn(program, rest, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  child.once('exit', (code) => {
    if (code) throw new Error(`${file} ${args[0] ?? ''} exited with code ${code}`);
  });
  return child;
}

async function ask<Answer>(child: ChildProcess, message: string | object): Promise<Answer> {
  const answer = once(child, 'message');
  child.send(message);
  return (await answer)[0] as Answer;
}

/** A contender that runs in its own process. */
export class ContenderProcess {
  private constructor(
    readonly name: string,
    readonly port: number,
    readonly child: ChildProcess,
  ) {}

  /** @param name the file of the contender, such as `rivals/express` */
  static async start(
    name: string,
    settings: ContenderSettings,
    options: { readonly core?: number | undefined; readonly flags?: readonly string[] } = {},
  ): Promise<ContenderProcess> {
    const child = launch(
      './server-process.js',
      [`./${name}.js`, JSON.stringify(settings)],
      options.core,
      options.flags,
    );
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new ContenderProcess(name, port, child);
  }

  mark(message: 'mark' | 'collect' = 'mark'): Promise<ServerMark> {
    return ask<ServerMark>(this.child, message);
  }

  stop(): void {
    this.child.disconnect();
  }
}

/** The process of the load generator. */
export class LoadProcess {
  readonly #child: ChildProcess;

  constructor(core?: number) {
    this.#child = launch('./load-process.js', [], core);
  }

  async prepare(load: Load): Promise<void> {
    await ask(this.#child, { prepare: load });
  }

  run(): Promise<LoadResult> {
    return ask<LoadResult>(this.#child, 'run');
  }

  stop(): void {
    this.#child.disconnect();
  }
}
