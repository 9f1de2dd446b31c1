/** Runs work of the package, and measures its time. */
export type Timed = <Result>(work: () => Result) => Result;

/** What is fed with inputs. */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs to begin with, one character per byte. */
  seeds(): readonly string[];
  /** Throws or rejects if the code does what it must not do. What takes part in the time limit is passed to `timed`. */
  run(text: string, timed: Timed): void | Promise<void>;
  /** The longest time that one input may take. Default: 50. */
  readonly milliseconds?: number;
}

/** What must not happen. */
export class Finding extends Error {}

export function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Finding(what);
}
