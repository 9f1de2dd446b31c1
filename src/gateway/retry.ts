/** How calls of the gateway are repeated. */
export interface RetryPolicy {
  /** How often a call is made at most. */
  readonly attempts: number;
  /** The longest wait before the first repetition, in milliseconds; it doubles. */
  readonly backoffMilliseconds: number;
  /** No wait is longer. Where the gateway asks for more, the call is given up. */
  readonly longestWaitMilliseconds: number;
}

/** Between half of and the whole step, so that processes that failed together do not come back together. */
export function backoffMilliseconds(attempt: number, policy: RetryPolicy): number {
  const step = Math.min(policy.longestWaitMilliseconds, policy.backoffMilliseconds * 2 ** (attempt - 1));
  return (step * (1 + Math.random())) / 2;
}

/** An hour. No server's mistake, and no clock that is wrong, is to keep a process silent for longer. */
const longestRetryAfter = 3_600_000;

/** Reads a `Retry-After` header, seconds or a date, into milliseconds from now, an hour at most. `undefined` for neither. */
export function readRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header.trim())) return Math.min(longestRetryAfter, Number(header) * 1000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.min(longestRetryAfter, Math.max(0, date - now));
}
