/** Counts the work under way, so that closing can wait for it. */
export class InFlight {
  #count = 0;
  #waiting: Array<() => void> = [];
  readonly #settle = () => {
    if (--this.#count === 0) this.#wake();
  };

  /** How much work is under way. */
  get count(): number {
    return this.#count;
  }

  /** Follows a promise until it settles. */
  follow<Result>(running: Promise<Result>): Promise<Result> {
    running.then(this.#settle, this.#settle);
    this.#count++;
    return running;
  }

  /** Waits until no work is under way, at most the given milliseconds. Resolves to whether no work is under way. */
  async drained(milliseconds: number): Promise<boolean> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#wake();
    }, milliseconds);
    // Work that settled may have started more work.
    while (this.#count > 0 && !isLate) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    clearTimeout(timer);
    return this.#count === 0;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
