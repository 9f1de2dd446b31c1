/**
 * Remembers the keys that were added last: at least the given number, at most twice as many. A single set that drops
 * one key for each new one would often allocate its table anew, and keep the garbage collector busy.
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
    // Copies the text. A concatenated string keeps its parts in memory, and with them the form of its callback.
    this.#newer.add(Buffer.from(key).toString());
  }

  has(key: string): boolean {
    return this.#newer.has(key) || this.#older.has(key);
  }
}
