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
 * @param toError makes the error to reject with. Callers pass it because an `await` with a `catch` would cost two more
 *   promises
 */
export function withinDeadline<Result>(
  milliseconds: number,
  run: (deadline: Deadline) => Result | PromiseLike<Result>,
  late: () => DragonpayError,
  toError: (reason: unknown) => unknown = (reason) => reason,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const deadline = new Deadline();
    let running: Promise<Result>;
    try {
      const result = run(deadline);
      if (!isThenable(result)) return resolve(result);
      // Adopts the thenables of other libraries as a native promise.
      running = Promise.resolve(result);
    } catch (reason) {
      return reject(toError(reason));
    }
    let isSettled = false;
    let timer: NodeJS.Timeout | undefined;
    const settle = () => {
      isSettled = true;
      if (timer !== undefined) clearTimeout(timer);
    };
    running.then(
      (result) => {
        settle();
        resolve(result);
      },
      (reason) => {
        settle();
        reject(toError(reason));
      },
    );
    // A promise that is settled already needs no timer, which costs more than the rest of this function.
    settled.then(() => {
      if (isSettled) return;
      timer = setTimeout(() => {
        const reason = late();
        deadline.pass(reason);
        reject(toError(reason));
      }, milliseconds);
    });
  });
}

/** A callback added to this promise runs after the callbacks of every promise that is settled by then. */
const settled = Promise.resolve();

/** The key of the deadline of an object with a `signal`. Proxies and derived objects inherit it. */
const deadlineOf = Symbol('deadline');

/**
 * The property descriptors are shared by all objects. With its own getter, each object would get its own hidden class,
 * which costs four times as much.
 */
const signalProperty: PropertyDescriptor & ThisType<{ [deadlineOf]: Deadline }> = {
  configurable: true,
  enumerable: true,
  get() {
    return this[deadlineOf].signal;
  },
};
const deadlineProperty: PropertyDescriptor = { configurable: true, enumerable: false, writable: true };

/** Adds a `signal` that is created on first use. A copy of the object has it, too. */
export function withSignal<Target extends object>(
  target: Target,
  deadline: Deadline,
): Target & { signal: AbortSignal } {
  deadlineProperty.value = deadline;
  Object.defineProperty(target, deadlineOf, deadlineProperty);
  deadlineProperty.value = undefined;
  return Object.defineProperty(target, 'signal', signalProperty) as Target & { signal: AbortSignal };
}

/**
 * Runs something, and rejects with `late()` when its own time is over. The clock stands still while a function passed
 * to `pausing` runs. After the promise that this function returns has settled, `pausing` rejects with `over()`.
 */
export function withinOwnTime<Result>(
  milliseconds: number,
  run: (pausing: <Inner>(inner: () => Promise<Inner>) => Promise<Inner>) => Result | PromiseLike<Result>,
  late: () => DragonpayError,
  over: () => DragonpayError,
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
      if (isSettled) throw over();
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
