/** Counts what is under way, so that closing can wait for it. */
export class InFlight {
  #count = 0;
  #waiting: Array<() => void> = [];
  readonly #settle = () => {
    if (--this.#count === 0) this.#wake();
  };

  /** Follows a promise until it settles. */
  follow<Result>(running: Promise<Result>): Promise<Result> {
    running.then(this.#settle, this.#settle);
    this.#count++;
    return running;
  }

  /** Resolves when nothing is under way, or after so many milliseconds. Whether nothing is. */
  async drained(milliseconds: number): Promise<boolean> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#wake();
    }, milliseconds);
    // What has settled may have begun something else.
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
