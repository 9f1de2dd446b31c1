import { DragonpayError } from '../errors.js';

/** Parses JSON. @throws DragonpayError `invalid-details` for what is no object */
export function parseJsonObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new DragonpayError('invalid-details', 'the body is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DragonpayError('invalid-details', 'the body is no JSON object');
  }
  return value;
}
