import type { ExitCode } from './command-failure.js';

/** What a command came to: for people, and for programs. */
export interface Report {
  readonly exitCode: ExitCode;
  readonly text: string;
  /** One JSON document. */
  readonly json: unknown;
}

/** Writes a report on stdout, and sets the exit code. */
export function report({ exitCode, text, json }: Report, options: { readonly json?: boolean | undefined }): void {
  // JSON leaves some control characters as they are.
  const lines = () => JSON.stringify(json, undefined, 2).split('\n').map(printable);
  console.log(options.json ? lines().join('\n') : text);
  process.exitCode = exitCode;
}

/** Text that cannot steer a terminal: line breaks and control characters, also those of the direction, are escaped. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The message of an error in one line, with the cause where that says more: `fetch failed` alone does not. */
export function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return printable(String(error));
  const { cause } = error;
  // A connection that failed to several addresses has an empty message and its reason in a code.
  const own = error.message || String((error as { code?: unknown }).code ?? error.name);
  const because = cause instanceof Error && error.message === 'fetch failed' ? `: ${oneLine(cause)}` : '';
  return printable(own) + because;
}
