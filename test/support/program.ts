import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The folder of the project. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A TypeScript program in another process. */
export interface Program {
  /** Its output so far, stdout and stderr. */
  output(): string;
  /** Resolves to the first match in the output. Rejects if the program exits without one. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends a signal (default: SIGTERM) and waits until the program has exited. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Runs a file with tsx. `environment` overrides the variables of this process; `undefined` unsets one. */
export function runProgram(file: string, environment: Environment): Program {
  return runCommand([process.execPath, '--import', 'tsx', file], root, environment);
}

/** Runs a command in a folder. */
export function runCommand(
  [command = '', ...args]: readonly string[],
  cwd: string,
  environment: Environment = {},
): Program {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      child.emit('printed');
    });
  }
  return {
    output: () => output,
    printed: (pattern) => printed(child, pattern, () => output),
    stop: async (signal = 'SIGTERM') => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = once(child, 'close');
      child.kill(signal);
      await closed;
    },
  };
}

function printed(child: ChildProcess, pattern: RegExp, output: () => string): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const match = pattern.exec(output());
      if (match === null) return;
      child.off('printed', look).off('close', onClose);
      resolve(match);
    };
    const onClose = () => reject(new Error(`the program exited without printing ${pattern}:\n${output()}`));
    child.on('printed', look).on('close', onClose);
    look();
  });
}

/** Waits until a program listens at an address. */
export async function answers(url: string, program: Program): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const response = await fetch(url, { method: 'HEAD' }).catch(() => undefined);
    if (response !== undefined) return;
    await sleep(50);
  }
  throw new Error(`nothing listens:\n${program.output()}`);
}
