import type { DragonpayError } from './errors.js';
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
  let running: Result | PromiseLike<Result>;
  try {
    running = run(deadline);
  } catch (reason) {
    throw toError(reason);
  }
  if (!isThenable(running)) return running;
  const waited = running;
  // By hand, since Promise.race costs every callback several promises more.
  return new Promise((resolve, reject) => {
    const watch = watchOf(milliseconds);
    const run = watch.add(() => {
      const reason = late();
      deadline.pass(reason);
      reject(toError(reason));
    });
    waited.then(
      (result) => {
        watch.remove(run);
        resolve(result);
      },
      (reason) => {
        watch.remove(run);
        reject(toError(reason));
      },
    );
  });
}

interface Run {
  readonly endsAt: number;
  readonly pass: () => void;
  /** Its place among the others. */
  index: number;
}

/** All that may take so many milliseconds: one timer for them, since one for each callback costs more than the clock. */
class Watch {
  readonly #milliseconds: number;
  /** In no order. Not a Set: the tables that one leaves behind as it changes keep alive what it held, for a while. */
  readonly #runs: Run[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  add(pass: () => void): Run {
    const run = { endsAt: performance.now() + this.#milliseconds, pass, index: this.#runs.length };
    this.#runs.push(run);
    if (this.#timer === undefined) this.#wait(this.#milliseconds);
    else if (run.index === 0) this.#timer.ref();
    return run;
  }

  /** The timer stays for those who come soon, but keeps no process from ending. */
  remove(run: Run): void {
    if (this.#runs[run.index] !== run) return;
    const last = this.#runs.pop() as Run;
    if (last !== run) {
      this.#runs[run.index] = last;
      last.index = run.index;
    }
    if (this.#runs.length === 0) this.#timer?.unref();
  }

  #wait(milliseconds: number): void {
    this.#timer = setTimeout(() => this.#passDue(), milliseconds);
  }

  #passDue(): void {
    const now = performance.now();
    // Timers are up to a millisecond early.
    const due = this.#runs.filter(({ endsAt }) => endsAt <= now + 1);
    for (const run of due) this.remove(run);
    if (this.#runs.length > 0) this.#wait(Math.min(...this.#runs.map(({ endsAt }) => endsAt)) - now);
    else watches.delete(this.#milliseconds);
    for (const { pass } of due) pass();
  }
}

/** By milliseconds. One that nobody waits for goes when its timer ends. */
const watches = new Map<number, Watch>();

function watchOf(milliseconds: number): Watch {
  let watch = watches.get(milliseconds);
  if (watch === undefined) {
    watch = new Watch(milliseconds);
    watches.set(milliseconds, watch);
  }
  return watch;
}
