/** A signal that aborts with the first of several signals. */
export interface AnySignal {
  readonly signal: AbortSignal;
  /** Removes the listeners from the other signals. */
  readonly forget: () => void;
}

/** `AbortSignal.any` is not used: on Node 20, its signal can be collected while it follows an `AbortSignal.timeout`. */
export function anySignal(...signals: readonly AbortSignal[]): AnySignal {
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
