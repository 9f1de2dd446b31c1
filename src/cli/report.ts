/** The exit codes of the command line. `docs/command-line.md` has the same table. */
export const exitCodes = {
  /** Done, or the answer is yes. */
  yes: 0,
  /** The answer is no: refused, invalid, problems found, or some payments failed. */
  no: 1,
  /** Usage error: wrong arguments, or a missing setting. */
  usage: 2,
  /** The answer is unknown: something could not be reached, or failed. */
  unknown: 3,
} as const;

/** One of the exit codes. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command. The message is printed on stderr, without a stack. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = exitCodes.usage) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The result of a command, as text for people and as JSON for programs. */
export interface Report {
  readonly exitCode: ExitCode;
  readonly text: string;
  /** Printed as one JSON document. */
  readonly json: unknown;
}

/** The text of a report as it is printed on stdout. */
export function formatReport({ text, json }: Report, asJson: boolean): string {
  if (!asJson) return `${text}\n`;
  // JSON.stringify leaves some control characters unescaped.
  return `${JSON.stringify(json, undefined, 2).split('\n').map(escapeForTerminal).join('\n')}\n`;
}

/** Escapes line breaks, control characters and direction marks, so that text from outside cannot steer a terminal. */
export function escapeForTerminal(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The message of an error in one line, with its cause where the message alone says nothing, as `fetch failed`. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return escapeForTerminal(String(error));
  const { cause } = error;
  // If a connection failed at several addresses, the message is empty and the reason is in the code.
  const own = error.message || String((error as { code?: unknown }).code ?? error.name);
  const because = cause instanceof Error && error.message === 'fetch failed' ? `: ${errorText(cause)}` : '';
  return escapeForTerminal(own) + because;
}
