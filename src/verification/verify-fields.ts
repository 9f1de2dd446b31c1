import type { CallbackKind } from '../protocol/kinds.js';
import { checkFields } from '../reading/check-fields.js';
import type { ReceivedFields } from '../reading/field-collector.js';
import { type Verdict, type VerificationPolicy, verifyCallback } from './verify-callback.js';

/**
 * Checks and verifies received fields. If the output of a body parser has several readings, the proof decides. Returns
 * a promise only if a proof waits for a key.
 */
export function verifyFields(
  fields: ReceivedFields,
  method: 'GET' | 'POST',
  kinds: ReadonlySet<CallbackKind>,
  policy: VerificationPolicy,
): Verdict | Promise<Verdict> {
  const verdictOn = (reading: ReceivedFields) => {
    const checked = checkFields(reading, kinds);
    if (!checked.ok) return checked;
    const { raw, releaseForm, isParsed } = reading;
    return verifyCallback(checked.callback, { method, raw, releaseForm, isParsed }, policy);
  };
  const first = verdictOn(fields);
  const { otherwise, issues } = fields;
  // A fault of the form itself, such as a field that occurs twice, is the same in every reading.
  if (otherwise === undefined || issues.length > 0) return first;
  return firstThatHolds(first, otherwise, verdictOn);
}

async function firstThatHolds(
  first: Verdict | Promise<Verdict>,
  others: readonly ReceivedFields[],
  verdictOn: (reading: ReceivedFields) => Verdict | Promise<Verdict>,
): Promise<Verdict> {
  const verdict = await first;
  if (verdict.ok) return verdict;
  for (const reading of others) {
    const other = await verdictOn(reading);
    if (other.ok) return other;
  }
  return verdict;
}
