import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Deadline, withinDeadline, withSignal } from '../../src/async/deadline.js';
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
  it('a deadline passes once for each run, when its time is over', async () => {
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
    ['a thenable of another library', () => ({ then: (settle: (value: string) => void) => settle('done') }), 'done'],
    [
      'a thenable that is a function',
      () => Object.assign(() => {}, { then: (f: (value: string) => void) => f('done') }),
      'done',
    ],
    [
      'a thenable that resolves to a promise that never settles',
      () => ({ then: (f: (value: unknown) => void) => f(new Promise(() => {})) }),
      'late',
    ],
    ['a thenable that never settles', () => ({ then() {} }), 'late'],
    ['a thenable whose then throws', () => ({ then: broken }), 'broken'],
    ['an object whose then cannot be read', () => Object.defineProperty({}, 'then', { get: broken }), 'broken'],
    ['a function that throws', broken, 'broken'],
  ];
  // biome-ignore-end lint/suspicious/noThenProperty: as above
  for (const [what, made, outcome] of thenables) {
    it(`a deadline holds for ${what}`, async () => {
      expect(await withinDeadline<unknown>(40, made, late).catch((error: Error) => error.message)).to.equal(outcome);
    });
  }

  it('a deadline does not keep the process alive after its work has ended', async () => {
    const run = 'await Promise.all([1, 2, 3].map(() => withinDeadline(60_000, () => sleep(5), () => 0)));';
    const { output, milliseconds } = await endOf(`${run}\n${run}\nconsole.log('done');`);
    expect(output).to.equal('done');
    expect(milliseconds).to.be.lessThan(30_000);
  }).timeout(60_000);

  it('a deadline keeps the process alive while its work is running', async () => {
    const first = 'await withinDeadline(500, () => sleep(5), () => 0);';
    const stuck = 'withinDeadline(500, () => new Promise(() => {}), () => "late").catch(console.log);';
    expect((await endOf(`${first}\n${stuck}`)).output).to.equal('late');
  }).timeout(60_000);
});

describe('withSignal()', () => {
  const copies: Array<[what: string, copy: (target: object) => object]> = [
    ['the object itself', (target) => target],
    ['a spread', (target) => ({ ...target })],
    ['an object that inherits', (target) => Object.create(target)],
    ['a proxy', (target) => new Proxy(target, {})],
  ];
  for (const [what, copy] of copies) {
    it(`withSignal() gives a signal of its own deadline to ${what}`, () => {
      const [first, second] = [new Deadline(), new Deadline()];
      const made = copy(withSignal({}, first)) as { signal: AbortSignal };
      const other = withSignal({}, second);
      first.pass(late());
      expect([made.signal.aborted, other.signal.aborted]).to.deep.equal([true, false]);
      expect(made.signal.reason).to.have.property('code', 'handler-deadline');
    });
  }

  it('withSignal() shows nothing but the signal', () => {
    expect(Reflect.ownKeys({ ...withSignal({}, new Deadline()) })).to.deep.equal(['signal']);
  });
});
