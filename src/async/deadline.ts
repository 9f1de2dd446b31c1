import type { DragonpayError } from '../errors.js';
import { isThenable } from './is-thenable.js';

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
 * Runs something, and rejects with `late()` when it takes longer. What runs on after that is nobody's any more; a loop
 * that never yields cannot be stopped. Throws or rejects with what `run` does, after `toError` made of it what it likes.
 */
export function withinDeadline<Result>(
  milliseconds: number,
  run: (deadline: Deadline) => Result | PromiseLike<Result>,
  late: () => DragonpayError,
  toError: (reason: unknown) => unknown = (reason) => reason,
): Result | Promise<Result> {
  const deadline = new Deadline();
  let running: Promise<Result>;
  try {
    const result = run(deadline);
    if (!isThenable(result)) return result;
    // Whatever the `then` of another library does, or hands on, is a promise's affair from here.
    running = Promise.resolve(result);
  } catch (reason) {
    throw toError(reason);
  }
  // By hand, since Promise.race costs every callback several promises more.
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const reason = late();
      deadline.pass(reason);
      reject(toError(reason));
    }, milliseconds);
    running.then(
      (result) => {
        clearTimeout(timer);
        resolve(result);
      },
      (reason) => {
        clearTimeout(timer);
        reject(toError(reason));
      },
    );
  });
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
