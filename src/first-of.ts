/**
 * A signal that aborts when the first of several does. `forget` lets go of them, once nobody waits for it any more.
 * AbortSignal.any holds none of its sources: one of a time-out that nobody else holds would be collected, and never
 * abort.
 */
export function firstOf(...signals: readonly AbortSignal[]): { signal: AbortSignal; forget: () => void } {
  const controller = new AbortController();
  const abort = (event: Event) => controller.abort((event.target as AbortSignal).reason);
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    signal.addEventListener('abort', abort);
  }
  const forget = () => {
    for (const signal of signals) signal.removeEventListener('abort', abort);
  };
  return { signal: controller.signal, forget };
}
