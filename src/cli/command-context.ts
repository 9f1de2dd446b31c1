import type { Report } from './report.js';

/** The streams and the environment that the command line runs with. The executable passes those of the process. */
export interface CliIo {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * A signal that aborts on SIGINT or SIGTERM. Called only by commands that stop in an orderly way: without a call the
   * process ends at once, as usual.
   */
  stopOnSignal(): AbortSignal;
}

/** The streams, the environment and the output of a command. */
export interface CommandContext extends CliIo {
  /** Prints the result of the command, and sets the exit code. */
  report(report: Report, options: { readonly json?: boolean }): void;
}
