/** Counts what is under way, so that closing can wait for it. */
export class InFlight {
  #count = 0;
  readonly #waiting = new Set<() => void>();
  readonly #settle = () => {
    if (--this.#count > 0) return;
    for (const resolve of this.#waiting) resolve();
  };

  /** Follows a promise until it settles. */
  follow<Result>(running: Promise<Result>): Promise<Result> {
    this.#count++;
    running.then(this.#settle, this.#settle);
    return running;
  }

  /** Resolves when nothing is under way, or after so many milliseconds. Whether nothing is. */
  async drained(milliseconds: number): Promise<boolean> {
    if (this.#count === 0) return true;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      this.#waiting.add(done);
    });
    return this.#count === 0;
  }
}
