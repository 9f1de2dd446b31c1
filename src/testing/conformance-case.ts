import { invalidSetting } from '../errors.js';

/** One case of a conformance suite, for any test runner. `run` rejects if the case fails. */
export interface ConformanceCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** @throws DragonpayError `invalid-setting` for an instance or a class in place of a function that makes one */
export function checkFunction(subject: string, given: unknown): void {
  if (typeof given === 'function' && !/^class\b/.test(String(given))) return;
  throw invalidSetting(subject, 'must be a function');
}
