/** A limited time for computing. */
export interface Budget {
  isSpent(): boolean;
}

/**
 * Begins a budget of some milliseconds. On a machine that is busy with other processes it lasts up to twice as long, so
 * that the same work is done.
 */
export function beginBudget(milliseconds: number): Budget {
  const begun = performance.now();
  const used = process.cpuUsage();
  return {
    isSpent() {
      const passed = performance.now() - begun;
      if (passed < milliseconds) return false;
      const { user, system } = process.cpuUsage(used);
      return passed >= 2 * milliseconds || (user + system) / 1000 >= milliseconds;
    },
  };
}
