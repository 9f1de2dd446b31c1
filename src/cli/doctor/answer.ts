import type { Reply } from '../http-call.js';
import { escapeForTerminal } from '../report.js';

/** An answer of the server that the doctor examines. */
export type Answer = Extract<Reply, { answered: true }>;

/** The code in the text `error=<code>`, with which handlers of this package refuse a callback. */
export function codeOf({ body }: Answer): string | undefined {
  return /^error=([a-z0-9-]+)$/.exec(body.trim())?.[1];
}

/** Whether a handler of this package answered. Each of its answers has these headers. */
export function isFromHandler({ headers }: Answer): boolean {
  return (
    headers['cache-control'] === 'no-store' &&
    headers['referrer-policy'] !== undefined &&
    headers['x-content-type-options'] === 'nosniff'
  );
}

/** The status and the start of the body. */
export function summarize({ status, body }: Answer): string {
  const text = escapeForTerminal(body.trim());
  return `${status} ${text.length > 60 ? `${text.slice(0, 60)}...` : text}`.trim();
}
