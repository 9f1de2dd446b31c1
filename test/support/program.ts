import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The folder of the project. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A TypeScript program that runs in a process of its own. */
export interface Program {
  /** What it has printed so far, on both streams. */
  output(): string;
  /** Resolves to the match once the output has it; rejects when the program ends without. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Ends it, and waits until it is gone; SIGTERM when not given. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Runs a file through tsx, with `environment` over this process's own; what is `undefined` there is unset. */
export function runProgram(file: string, environment: Readonly<Record<string, string | undefined>>): Program {
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    cwd: root,
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
    const onClose = () => reject(new Error(`the program ended and had not printed ${pattern}:\n${output()}`));
    child.on('printed', look).on('close', onClose);
    look();
  });
}
