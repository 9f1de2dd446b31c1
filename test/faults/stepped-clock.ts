const RealDate = Date;
const { now } = RealDate;
/** How far ahead `Date` is, in milliseconds. */
let ahead = 0;

/**
 * Sets the clock of this process, as NTP or an operator does. As with a real clock, timers and `performance.now()` are
 * not affected. When the clock is right again, `Date` is the real one: later tests of this process may replace its
 * `now`, and put it back.
 */
export function stepClock(milliseconds: number): void {
  ahead += milliseconds;
  globalThis.Date = ahead === 0 ? RealDate : steppedDate;
}

const steppedNow = () => now() + ahead;

const steppedDate = new Proxy(RealDate, {
  construct: (target, values, newTarget) =>
    Reflect.construct(target, values.length > 0 ? values : [steppedNow()], newTarget),
  apply: () => new RealDate(steppedNow()).toString(),
  get: (target, name, receiver) => (name === 'now' ? steppedNow : Reflect.get(target, name, receiver)),
});
