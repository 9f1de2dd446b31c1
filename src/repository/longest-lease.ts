const hour = 3_600_000;

/**
 * How far ahead a claim may end, in milliseconds. A claim that ends later was made while the clock was wrong. It counts
 * as over, because otherwise its payment or event would wait until that time. Ten leases are allowed, because other
 * processes may have longer leases.
 */
export function longestLease(lease: number): number {
  return Math.max(hour, 10 * Math.ceil(lease));
}

/** Whether a payment or event may be claimed. `until` is the end of its last claim, `undefined` without a claim. */
export function isFree(until: number | undefined, lease: number, now: number): boolean {
  return until === undefined || until <= now || until > now + longestLease(lease);
}
