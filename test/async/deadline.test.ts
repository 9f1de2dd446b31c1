import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { withinDeadline } from '../../src/async/deadline.js';
import { DragonpayError } from '../../src/errors.js';

const late = () => new DragonpayError('handler-deadline', 'late');

/** Runs a program that imports what is tested, until it ends by itself. */
async function endOf(program: string): Promise<{ output: string; milliseconds: number }> {
  const imports = `import { withinDeadline } from '${new URL('../../src/async/deadline.ts', import.meta.url)}';
import { setTimeout as sleep } from 'node:timers/promises';`;
  const startedAt = performance.now();
  const args = ['--import', 'tsx', '--input-type=module', '--eval', `${imports}\n${program}`];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return { output: stdout.trim(), milliseconds: performance.now() - startedAt };
}

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

  const broken = () => {
    throw new Error('broken');
  };
  // biome-ignore-start lint/suspicious/noThenProperty: what other libraries, and mistakes, make
  const thenables: Array<[what: string, made: () => unknown, outcome: string]> = [
    ['another library’s, that settles', () => ({ then: (settle: (value: string) => void) => settle('done') }), 'done'],
    [
      'one that is a function',
      () => Object.assign(() => {}, { then: (f: (value: string) => void) => f('done') }),
      'done',
    ],
    [
      'one that hands on another that never settles',
      () => ({ then: (f: (value: unknown) => void) => f(new Promise(() => {})) }),
      'late',
    ],
    ['one that never settles', () => ({ then() {} }), 'late'],
    ['one whose then throws', () => ({ then: broken }), 'named: broken'],
    ['one whose then cannot be had', () => Object.defineProperty({}, 'then', { get: broken }), 'named: broken'],
    ['none, but a failure', broken, 'named: broken'],
  ];
  // biome-ignore-end lint/suspicious/noThenProperty: as above
  for (const [what, made, outcome] of thenables) {
    it(`holds for ${what}`, async () => {
      const named = (reason: unknown) =>
        DragonpayError.is(reason) ? reason : new Error(`named: ${(reason as Error).message}`);
      const run = (async () => withinDeadline<unknown>(40, made, late, named))();
      expect(await run.catch((error: Error) => error.message)).to.equal(outcome);
    });
  }

  it('keeps no process from ending once nothing runs', async () => {
    const run = 'await Promise.all([1, 2, 3].map(() => withinDeadline(60_000, () => sleep(5), () => 0)));';
    const { output, milliseconds } = await endOf(`${run}\n${run}\nconsole.log('done');`);
    expect(output).to.equal('done');
    expect(milliseconds).to.be.lessThan(30_000);
  }).timeout(60_000);

  it('lets no process end while something runs', async () => {
    const first = 'await withinDeadline(500, () => sleep(5), () => 0);';
    const stuck = 'withinDeadline(500, () => new Promise(() => {}), () => "late").catch(console.log);';
    expect((await endOf(`${first}\n${stuck}`)).output).to.equal('late');
  }).timeout(60_000);
});
