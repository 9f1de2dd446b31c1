/**
 * Reads a date of the gateway, such as `2026-03-01T09:30:00` or `2026-03-01`. A date without a zone is in Manila's,
 * which is UTC+8 all year. Returns `undefined` for any other text.
 */
export function readManilaTime(text: string | undefined): Date | undefined {
  const [, day = '', time = '00:00:00', zone] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text ?? '') ?? [];
  const milliseconds = Date.parse(`${day}T${time.slice(0, 12)}${zone ?? '+08:00'}`);
  if (Number.isNaN(milliseconds) || !isDay(day)) return undefined;
  // .NET writes a missing date as a date in the year 1.
  return day.startsWith('0001') ? undefined : new Date(milliseconds);
}

/** Whether the day exists: Date.parse reads 30 February as 2 March. */
function isDay(day: string): boolean {
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}

const manilaOffset = 8 * 3_600_000;

/** Writes a date as the gateway does, to the second: `2026-03-01T09:30:00`. */
export function writeManilaTime(date: Date): string {
  return new Date(date.getTime() + manilaOffset).toISOString().slice(0, 19);
}
