/** One case of a conformance suite, to be registered with any test runner. `run` rejects when it fails. */
export interface ConformanceCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}
