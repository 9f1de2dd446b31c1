/**
 * Timestamps are `datetime(6)` in UTC. They are sent and read as microseconds since 1970, as text, so that the time
 * zone, `dateStrings` and `typeCast` of a connection do not change them.
 */

/** The time of the statement, in UTC whatever the time zone of the session is. */
export const now = 'utc_timestamp(6)';

/** A timestamp column as microseconds since 1970, as text. */
export function inMicroseconds(column: string): string {
  return `cast(timestampdiff(microsecond, timestamp'1970-01-01 00:00:00', ${column}) as char)`;
}

/** The timestamp of a parameter that holds microseconds since 1970. */
export const fromMicroseconds = `timestampadd(microsecond, ?, timestamp'1970-01-01 00:00:00')`;
