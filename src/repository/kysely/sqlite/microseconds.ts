/** Times are stored as whole microseconds since 1970, UTC. The clock of a machine with SQLite gives milliseconds. */

/** The current time in microseconds since 1970. */
export function now(): number {
  return Date.now() * 1000;
}
