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
 * Runs something, and rejects with `error()` when it takes longer. Throws what `run` throws. What runs on after that is
 * nobody's any more; a loop that never yields cannot be stopped.
 */
export function withinDeadline<Result>(
  milliseconds: number,
  run: (deadline: Deadline) => Result | PromiseLike<Result>,
  error: () => DragonpayError,
): Result | Promise<Result> {
  const deadline = new Deadline();
  const running = run(deadline);
  if (!isThenable(running)) return running;
  // By hand, since Promise.race costs every callback several promises more.
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const reason = error();
      deadline.pass(reason);
      reject(reason);
    }, milliseconds);
    Promise.resolve(running).then(
      (result) => {
        clearTimeout(timer);
        resolve(result);
      },
      (reason) => {
        clearTimeout(timer);
        reject(reason);
      },
    );
  });
}

/** Also a promise of another realm or library. */
function isThenable<Result>(value: Result | PromiseLike<Result>): value is PromiseLike<Result> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** Gives an object a `signal` that is made when somebody looks at it. As a getter of a literal it costs five times that. */
export function withSignal<Target extends object>(
  target: Target,
  deadline: Deadline,
): Target & { signal: AbortSignal } {
  return Object.defineProperty(target, 'signal', {
    configurable: true,
    enumerable: true,
    get: () => deadline.signal,
  }) as Target & { signal: AbortSignal };
}
