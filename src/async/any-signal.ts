/** A signal that aborts with the first of several. */
export interface FirstSignal {
  readonly signal: AbortSignal;
  /** Lets go of the others. */
  readonly forget: () => void;
}

/** Not AbortSignal.any: Node 20 collects one that follows an `AbortSignal.timeout`, which then never aborts. */
export function firstSignal(...signals: readonly AbortSignal[]): FirstSignal {
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
