/** What the command line ends with. `docs/command-line.md` has the same table. */
export const exitCodes = {
  /** Done, or the answer is yes. */
  yes: 0,
  /** The answer is no: refused, invalid, something found, something failed. */
  no: 1,
  /** The command was called wrongly, or a setting is missing. */
  usage: 2,
  /** Nobody can say: something could not be reached, or failed. */
  unknown: 3,
} as const;

/** One of the exit codes. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with a message on stderr. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = exitCodes.usage) {
    super(message);
    this.exitCode = exitCode;
  }
}
