/**
 * Stops the program on SIGINT or SIGTERM, and exits when it has stopped. A second signal exits at once. The terminal and
 * npm both pass a Ctrl-C on, so two signals within half a second count as one.
 */
export function stopOnSignal(stop: () => unknown): void {
  let stoppedAt: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, async () => {
      const now = performance.now();
      if (stoppedAt !== undefined && now - stoppedAt > 500) process.exit(1);
      if (stoppedAt !== undefined) return;
      stoppedAt = now;
      await stop();
      process.exit(0);
    });
  }
}
