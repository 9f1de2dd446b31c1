/** Counts what is under way, so that closing can wait for it. */
export class InFlight {
  readonly #running = new Set<Promise<unknown>>();

  /** Follows a promise until it settles. */
  follow<Result>(running: Promise<Result>): Promise<Result> {
    this.#running.add(running);
    const settle = () => this.#running.delete(running);
    running.then(settle, settle);
    return running;
  }

  /** Resolves when nothing is under way, or after so many milliseconds. Whether nothing is. */
  async drained(milliseconds: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
    });
    await Promise.race([this.#settleAll(), late]);
    clearTimeout(timer);
    return this.#running.size === 0;
  }

  async #settleAll(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}
