import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { runCli as runCliWith } from '../../src/cli/run-cli.js';
import { root } from './program.js';

/** The output and the exit code of a run of the command line. */
export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The variables of the environment of a run. */
export type CliEnv = Readonly<Record<string, string>>;

/** A command that runs in this process. */
export interface RunningCommand {
  readonly ended: Promise<CliRun>;
  /** Resolves to the match when stdout has it. Rejects if the command ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Does what SIGINT does to the executable. */
  interrupt(): void;
}

/** Starts a command of `dragonpay-callback` in this process. `isTTY`: stderr is a terminal. */
export function startCommand(
  args: readonly string[],
  env: CliEnv = {},
  { input = '', isTTY = false }: { readonly input?: string; readonly isTTY?: boolean } = {},
): RunningCommand {
  const output = { stdout: '', stderr: '' };
  const news = new EventEmitter();
  const capture = (name: keyof typeof output) =>
    new Writable({
      decodeStrings: false,
      write(text: string, _encoding, done) {
        output[name] += text;
        news.emit('written');
        done();
      },
    });
  const stopping = new AbortController();
  const ended = runCliWith(args, {
    stdin: Readable.from([Buffer.from(input)]),
    stdout: capture('stdout'),
    stderr: Object.assign(capture('stderr'), { isTTY }),
    env,
    stopOnSignal: () => stopping.signal,
  }).then((code) => ({ code, ...output }));
  return {
    ended,
    interrupt: () => stopping.abort(),
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output.stdout);
          if (match !== null) resolve(match);
        };
        news.on('written', look);
        look();
        ended.then((run) => reject(new Error(`the command ended with ${run.code}: ${run.stderr}`)), reject);
      }),
  };
}

/** Runs a command of `dragonpay-callback` in this process, to its end. */
export function runCommand(args: readonly string[], env: CliEnv = {}, input?: string): Promise<CliRun> {
  return startCommand(args, env, { input: input ?? '' }).ended;
}

/** The executable in a process of its own. */
export interface CliProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<CliRun>;
}

/** Starts the executable from its sources. Only `env` decides which keys and which database it uses. */
export function startCli(args: readonly string[], env: CliEnv = {}, input?: string): CliProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:DRAGONPAY_.*|DATABASE_URL)$/.test(name));
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
    });
  }
  child.stdin?.end(input);
  const ended = once(child, 'close').then(([code]) => ({ code, ...output }));
  return { child, ended };
}

/** Runs the executable to its end. */
export function runCli(args: readonly string[], env: CliEnv = {}, input?: string): Promise<CliRun> {
  return startCli(args, env, input).ended;
}
