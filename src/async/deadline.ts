import type { DragonpayError } from '../errors.js';
import { isThenable } from './wait.js';

/** A bound on how long something may take. Its signal is created on first use. */
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
 * Runs something, and rejects with `late()` when it takes longer. Work that is still running after the deadline is
 * abandoned. A loop that never yields cannot be stopped.
 */
export function withinDeadline<Result>(
  milliseconds: number,
  run: (deadline: Deadline) => Result | PromiseLike<Result>,
  late: () => DragonpayError,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const deadline = new Deadline();
    const running = run(deadline);
    // A value needs no timer, which costs more than the rest of this function.
    if (!isThenable(running)) return resolve(running);
    const timer = setTimeout(() => {
      const reason = late();
      deadline.pass(reason);
      reject(reason);
    }, milliseconds);
    // Adopts the thenables of other libraries as a native promise.
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

/** Adds a `signal` that is created on first use. `defineProperty` is cheaper here than a getter in a literal. */
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

/**
 * Runs something, and rejects with `late()` when its own time is over. The clock stands still while a function passed
 * to `pausing` runs.
 */
export function withinOwnTime<Result>(
  milliseconds: number,
  run: (pausing: <Inner>(inner: () => Promise<Inner>) => Promise<Inner>) => Result | PromiseLike<Result>,
  late: () => DragonpayError,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    let left = milliseconds;
    let startedAt = 0;
    let pauses = 0;
    let isSettled = false;
    let timer: NodeJS.Timeout | undefined;
    const settle = () => {
      isSettled = true;
      clearTimeout(timer);
    };
    const start = () => {
      if (isSettled) return;
      startedAt = performance.now();
      timer = setTimeout(() => {
        settle();
        reject(late());
      }, left);
    };
    const pausing = async <Inner>(inner: () => Promise<Inner>): Promise<Inner> => {
      if (isSettled) throw late();
      if (pauses++ === 0) {
        clearTimeout(timer);
        left -= performance.now() - startedAt;
      }
      try {
        return await inner();
      } finally {
        if (--pauses === 0) start();
      }
    };
    start();
    new Promise<Result>((ended) => ended(run(pausing))).finally(settle).then(resolve, reject);
  });
}
