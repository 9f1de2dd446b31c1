/** The result of one check of the doctor. */
export interface Check {
  /** The name of the check, one word. */
  readonly check: string;
  readonly result: 'ok' | 'found' | 'skipped';
  /** What was found, or why the check was skipped. */
  readonly what: string;
  /** How to fix a problem. */
  readonly fix?: string;
}

/** A check that found no problem. */
export function ok(check: string, what: string): Check {
  return { check, result: 'ok', what };
}

/** A check that found a problem. */
export function found(check: string, what: string, fix: string): Check {
  return { check, result: 'found', what, fix };
}

/** A check that was not made. */
export function skipped(check: string, what: string): Check {
  return { check, result: 'skipped', what };
}

/** The largest difference between two clocks that the doctor accepts, in milliseconds. */
const allowedDrift = 60_000;

/** Compares the clock of `whose` with the clock of this machine. `resolution`: its precision, in milliseconds. */
export function checkClock(whose: string, time: number, resolution: number): Check {
  const drift = time - Date.now();
  if (Math.abs(drift) <= allowedDrift + resolution) return ok('clock', `the clock of ${whose} is right`);
  const seconds = Math.round(Math.abs(drift) / 1000);
  return found(
    'clock',
    `the clock of ${whose} is ${seconds} s ${drift < 0 ? 'behind' : 'ahead of'} the clock of this machine`,
    'set both clocks by NTP: they decide the times in the inbox and the age of open payments',
  );
}
