/** What came of looking at one thing. */
export interface Check {
  /** One word for the thing. */
  readonly check: string;
  readonly result: 'ok' | 'found' | 'skipped';
  /** What is so, what is wrong, or why nobody looked. */
  readonly what: string;
  /** How to mend what was found. */
  readonly mend?: string;
}

/** It is as it should be. */
export function ok(check: string, what: string): Check {
  return { check, result: 'ok', what };
}

/** It is wrong. */
export function found(check: string, what: string, mend: string): Check {
  return { check, result: 'found', what, mend };
}

/** It was not looked at. */
export function skipped(check: string, what: string): Check {
  return { check, result: 'skipped', what };
}

/** How far two clocks may be apart, in milliseconds. */
const longestDrift = 60_000;

/** Compares a clock with that of this machine. `resolution`: how coarse it is, in milliseconds. */
export function checkClock(whose: string, time: number, resolution: number): Check {
  const drift = time - Date.now();
  if (Math.abs(drift) <= longestDrift + resolution) return ok('clock', `the clock of ${whose} is right`);
  const seconds = Math.round(Math.abs(drift) / 1000);
  return found(
    'clock',
    `the clock of ${whose} is ${seconds} s ${drift < 0 ? 'behind' : 'ahead of'} the one of this machine`,
    'let NTP set both: times in the inbox and the age of open payments come from them',
  );
}
