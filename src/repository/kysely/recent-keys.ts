/**
 * Remembers the keys that were added last: at least as many as asked for, and at most twice as many. A set that loses a
 * key for each new one would allocate its table again and again, and keep the collector busy.
 */
export class RecentKeys {
  readonly #least: number;
  #newer = new Set<string>();
  #older: ReadonlySet<string> = new Set();

  constructor(least: number) {
    this.#least = least;
  }

  add(key: string): void {
    if (this.#newer.size >= this.#least) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    // A copy: a text that was put together keeps its parts, and with them the form of its callback.
    this.#newer.add(Buffer.from(key).toString());
  }

  has(key: string): boolean {
    return this.#newer.has(key) || this.#older.has(key);
  }
}
