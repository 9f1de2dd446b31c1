import { nameOnWire, type OtherField, type SignedField } from '../protocol/fields.js';
import { decodeComponent, FormPairs } from './form-pairs.js';

/** Finds the values of fields as they are encoded in a form. The form is read when the first one is asked for. */
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
