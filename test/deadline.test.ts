import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { withinDeadline } from '../src/deadline.js';
import { DragonpayError } from '../src/errors.js';

const late = () => new DragonpayError('handler-deadline', 'late');
/** A timer counts until its callback is through. */
const turnOfTheLoop = () => new Promise(setImmediate);
const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;

describe('A deadline', () => {
  it('passes for each run when its time has come, and once', async () => {
    const startedAt = performance.now();
    const ends: number[] = [];
    const runs: unknown[] = [];
    for (let index = 0; index < 3; index++) {
      const run = withinDeadline(
        60,
        () => new Promise(() => {}),
        () => {
          ends.push(performance.now() - startedAt);
          return late();
        },
      );
      runs.push(Promise.resolve(run).catch((error: Error) => error.message));
      await sleep(25);
    }
    expect(await Promise.all(runs)).to.deep.equal(['late', 'late', 'late']);
    for (const [index, end] of ends.entries()) expect(end).to.be.within(58 + 25 * index, 158 + 25 * index);
    await sleep(80);
    expect(ends, 'and no more').to.have.length(3);
  });

  it('leaves no timer behind that keeps a process from ending', async () => {
    const before = timers();
    await Promise.all(Array.from({ length: 50 }, () => withinDeadline(5_000, () => sleep(5), late)));
    await turnOfTheLoop();
    expect(timers()).to.equal(before);
    const again = withinDeadline(5_000, () => sleep(5), late);
    expect(timers(), 'nor lets one end while something runs').to.be.greaterThan(before);
    await again;
    await turnOfTheLoop();
    expect(timers()).to.equal(before);
  });
});
