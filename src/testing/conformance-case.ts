/** One case of a conformance suite, for any test runner. `run` rejects if the case fails. */
export interface ConformanceCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}
