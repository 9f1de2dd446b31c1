/** How calls to the gateway are repeated. */
export interface RetryPolicy {
  /** The most calls that are made. */
  readonly attempts: number;
  /** The longest wait before the second call, in milliseconds. Before each later call, it doubles. */
  readonly backoffMilliseconds: number;
  /** The longest wait, in milliseconds. If the gateway asks for more, the call fails. */
  readonly longestWaitMilliseconds: number;
}

/** The wait before the next call: 50 to 100 % of the step, so that processes that failed together spread out. */
export function backoffMilliseconds(attempt: number, policy: RetryPolicy): number {
  const step = Math.min(policy.longestWaitMilliseconds, policy.backoffMilliseconds * 2 ** (attempt - 1));
  return (step * (1 + Math.random())) / 2;
}

/** One hour: a server's mistake or a wrong clock must not stop the calls for longer. */
const longestRetryAfter = 3_600_000;

/** Reads a `Retry-After` header (seconds or a date) as milliseconds from now, at most an hour. `undefined` if malformed. */
export function readRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header.trim())) return Math.min(longestRetryAfter, Number(header) * 1000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.min(longestRetryAfter, Math.max(0, date - now));
}
