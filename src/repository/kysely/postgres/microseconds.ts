/**
 * Timestamps are sent and read as microseconds since 1970, as text, so that the type parsers and the time zone of a
 * connection do not change them.
 */

/** A timestamp column as microseconds since 1970, as text. */
export function inMicroseconds(column: string): string {
  return `(extract(epoch from ${column}) * 1000000)::bigint::text`;
}

/** The timestamp of a parameter that holds microseconds since 1970. */
export function fromMicroseconds(parameter: string): string {
  return `timestamptz 'epoch' + ${parameter}::bigint * interval '1 microsecond'`;
}
