import { type Profiler, Session } from 'node:inspector';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../support/program.js';

const sources = ['src/', 'adapters/'].map((folder) => pathToFileURL(join(root, folder)).href);

/** For each file, one byte for each character: 1 where it has run. */
type Ran = ReadonlyArray<readonly [url: string, ran: Uint8Array]>;

/** The code of `src` and `adapters` that this process has run, by blocks, from Node's own precise coverage. */
export class BlockCoverage {
  readonly #session = new Session();
  /** One byte for each character of a file: 1 where it has run. */
  readonly #covered = new Map<string, Uint8Array>();
  #last: Ran = [];

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Whether new code has run since the last look. */
  hasNew(): boolean {
    this.#last = this.#take();
    return this.#last.some(([url, now]) => {
      const known = this.#covered.get(url);
      return now.some((one, at) => one === 1 && known?.[at] !== 1);
    });
  }

  /** The result of the last look. */
  get last(): Ran {
    return this.#last;
  }

  /** Adds the code of a look to the known code. Default: the last look. */
  learn(seen: Ran = this.#last): void {
    for (const [url, now] of seen) {
      const known = this.#covered.get(url);
      const merged = new Uint8Array(Math.max(now.length, known?.length ?? 0));
      merged.set(known ?? []);
      for (let at = 0; at < now.length; at++) if (now[at] === 1) merged[at] = 1;
      this.#covered.set(url, merged);
    }
  }

  /** How many characters of code have run. */
  get characters(): number {
    let count = 0;
    for (const known of this.#covered.values()) for (const one of known) count += one;
    return count;
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  /** The code that has run since the last look. */
  #take(): Ran {
    let taken: Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error;
      taken = result;
    });
    const ours = taken.filter(
      ({ url }) => url.startsWith(sources[0] as string) || url.startsWith(sources[1] as string),
    );
    return ours.map(({ url, functions }) => {
      const ran = new Uint8Array(Math.max(0, ...functions.map(({ ranges }) => ranges[0]?.endOffset ?? 0)));
      // A function comes before those in it, and a block before those in it.
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      }
      return [url, ran] as const;
    });
  }
}
