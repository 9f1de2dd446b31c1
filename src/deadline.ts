import type { DragonpayError } from './errors.js';

/** A bound on how long something may take. Its signal is only made for those who look at it. */
export class Deadline {
  #controller: AbortController | undefined;
  #passed: DragonpayError | undefined;

  /** Aborts when the deadline passes. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#passed !== undefined) this.#controller.abort(this.#passed);
    }
    return this.#controller.signal;
  }

  pass(error: DragonpayError): void {
    this.#passed = error;
    this.#controller?.abort(error);
  }
}

/**
 * Runs something, and rejects with `error()` when it takes longer. What runs on after that is nobody's any more; a
 * loop that never yields cannot be stopped.
 */
export async function withinDeadline<Result>(
  milliseconds: number,
  run: (deadline: Deadline) => Result | PromiseLike<Result>,
  error: () => DragonpayError,
): Promise<Result> {
  const deadline = new Deadline();
  const running = run(deadline);
  if (!isThenable(running)) return running;
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const reason = error();
      deadline.pass(reason);
      reject(reason);
    }, milliseconds);
  });
  try {
    return await Promise.race([running, passed]);
  } finally {
    clearTimeout(timer);
  }
}

/** Also a promise of another realm or library. */
function isThenable<Result>(value: Result | PromiseLike<Result>): value is PromiseLike<Result> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
