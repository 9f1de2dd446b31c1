/** How far ahead `Date` is, in milliseconds. `undefined`: the clock was never set. */
let ahead: number | undefined;

/**
 * Sets the clock of this process, as NTP or an operator does. As with a real clock, timers and `performance.now()` are
 * not affected.
 */
export function stepClock(milliseconds: number): void {
  if (ahead === undefined) globalThis.Date = steppedDate(Date);
  ahead = (ahead ?? 0) + milliseconds;
}

function steppedDate(RealDate: DateConstructor): DateConstructor {
  const now = () => RealDate.now() + (ahead ?? 0);
  return new Proxy(RealDate, {
    construct: (target, values, newTarget) =>
      Reflect.construct(target, values.length > 0 ? values : [now()], newTarget),
    apply: () => new RealDate(now()).toString(),
    get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
  });
}
