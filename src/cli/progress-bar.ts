/** A line on stderr that tells how far something is, where stderr is a terminal; nothing elsewhere. */
export class ProgressBar {
  readonly #most: number;
  readonly #stream: NodeJS.WriteStream;

  /** @param most how many steps there are at most */
  constructor(most: number, stream: NodeJS.WriteStream = process.stderr) {
    this.#most = most;
    this.#stream = stream;
  }

  show(done: number, text: string): void {
    if (!this.#stream.isTTY) return;
    const width = 24;
    const filled = Math.round((Math.min(done, this.#most) / this.#most) * width);
    this.#stream.write(`\r\u001b[2K[${'#'.repeat(filled)}${'-'.repeat(width - filled)}] ${text}`);
  }

  /** Wipes the line. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\u001b[2K');
  }
}
