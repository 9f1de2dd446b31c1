const hour = 3_600_000;

/**
 * How far ahead a claim may end, in milliseconds. One that ends later was made while the clock was ahead, before it was
 * set back: it is taken for free, or its payment or event would wait until the clock is there again. Ten leases, because
 * processes with other limits claim for other times.
 */
export function longestLease(lease: number): number {
  return Math.max(hour, 10 * Math.ceil(lease));
}

/** Whether a claim that ends at `until` no longer holds its payment or event. `undefined`: there is none. */
export function isFree(until: number | undefined, lease: number, now: number): boolean {
  return until === undefined || until <= now || until > now + longestLease(lease);
}
