/**
 * Waits, or rejects with the signal's reason.
 * @param options.keepsProcess whether the timer keeps the process alive. Default: `true`
 */
export function wait(
  milliseconds: number,
  signal?: AbortSignal,
  { keepsProcess = true }: { readonly keepsProcess?: boolean } = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, milliseconds);
    if (!keepsProcess) timer.unref();
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** Whether a promise resolves within some milliseconds. Rejects if the promise rejects before that. */
export async function settlesWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a value must be awaited: a promise, including one of another realm or library. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return 'then' in value && typeof value.then === 'function';
}
