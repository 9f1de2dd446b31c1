/**
 * Reads a date of the gateway, such as `2026-03-01T09:30:00` or `2026-03-01`. It names no zone and means Manila's,
 * which is UTC+8 all year. `undefined` for what is no such date.
 */
export function readManilaTime(text: string | undefined): Date | undefined {
  const [, day, time = '00:00:00', zone] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text ?? '') ?? [];
  if (day === undefined) return undefined;
  const milliseconds = Date.parse(`${day}T${time.slice(0, 12)}${zone ?? '+08:00'}`);
  if (Number.isNaN(milliseconds) || !isDay(day)) return undefined;
  // The year 1 is how .NET says that there is none.
  return day.startsWith('0001') ? undefined : new Date(milliseconds);
}

/** Date.parse takes 30 February for 2 March. */
function isDay(day: string): boolean {
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}

const manilaOffset = 8 * 3_600_000;

/** Writes a date as the gateway does, to the second: `2026-03-01T09:30:00`. */
export function writeManilaTime(date: Date): string {
  return new Date(date.getTime() + manilaOffset).toISOString().slice(0, 19);
}
