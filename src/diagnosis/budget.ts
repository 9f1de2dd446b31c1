/** A limited time for computing. */
export interface Budget {
  isSpent(): boolean;
}

/**
 * Begins a budget of some milliseconds. It counts the CPU time of this process, so that a busy machine gets the same
 * work done. It lasts at most twice as long.
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
