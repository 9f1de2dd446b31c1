/** Runs work of the package, and measures its time. */
export type Timed = <Result>(work: () => Result) => Result;

/** Code that is fed with inputs. */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs to begin with, one character per byte. */
  seeds(): readonly string[];
  /**
   * Throws or rejects if the code does something forbidden. `timed` measures the work to which the time limit applies.
   */
  run(text: string, timed: Timed): void | Promise<void>;
  /** The longest time that one input may take. Default: 50. */
  readonly milliseconds?: number;
}

/** Fails because the code did something forbidden. */
export class Finding extends Error {}

export function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Finding(what);
}
