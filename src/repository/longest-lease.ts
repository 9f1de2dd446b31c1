const hour = 3_600_000;

/**
 * How far ahead a claim may end, in milliseconds. One that ends later was made while the clock was ahead, before it was
 * set back: it is taken for free, or its payment or event would wait until the clock is there again. Ten leases, because
 * processes with other limits claim for other times.
 */
export function longestLease(lease: number): number {
  return Math.max(hour, 10 * Math.ceil(lease));
}
