import { invalidDetails } from '../errors.js';

/** Parses a JSON object. @throws DragonpayError `invalid-details` */
export function parseJsonObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidDetails('body', 'must be JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidDetails('body', 'must be a JSON object');
  }
  return value;
}
