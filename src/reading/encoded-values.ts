import { nameOnWire, type OtherField, type SignedField } from '../protocol/fields.js';
import { decodeComponent, FormPairs } from './form-pairs.js';

/**
 * Returns a function that finds the values of fields as they are encoded in a form. It reads the form on its first
 * call.
 */
export function encodedValues(raw: () => string): (field: SignedField | OtherField) => string | undefined {
  let values: Map<string, string> | undefined;
  return (field) => {
    if (values === undefined) {
      values = new Map();
      for (const pairs = new FormPairs(raw()); pairs.next(); ) {
        values.set((decodeComponent(pairs.name) ?? pairs.name).toLowerCase(), pairs.value);
      }
    }
    return values.get(nameOnWire(field).toLowerCase());
  };
}
