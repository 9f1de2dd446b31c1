import { expect } from 'chai';
import { readForm } from '../../src/reading/read-fields.js';
import { runFuzz } from './run-fuzz.js';
import { demand, type FuzzTarget } from './target.js';
import { fuzzTargets } from './targets.js';

describe('Fuzzing', function () {
  this.timeout(120_000);
  this.slow(60_000);

  it('finds no input that breaks the package, in a minute', async () => {
    const report = await runFuzz({
      targets: fuzzTargets,
      seconds: 60,
      seed: Number(process.env.FUZZ_SEED ?? 2026),
    });
    expect(report.findings, `seed ${report.seed}`).to.deep.equal([]);
    expect(report.covered.atEnd).to.be.above(report.covered.bySeeds);
    for (const { name } of fuzzTargets) expect(report.inputs[name], name).to.be.above(0);
  });

  it('finds a defect behind a rare piece of code, a rejection and a loop that takes long', async () => {
    const targets: FuzzTarget[] = [
      {
        name: 'repeated refno',
        seeds: () => ['txnid=T&refno=R&status=S'],
        run: (form) => demand(!readForm(form, 64)?.issues.some(({ field }) => field === 'refno'), 'it is repeated'),
      },
      {
        name: 'rejecting',
        seeds: () => ['ab'],
        run: (text) => (text.includes('a') ? undefined : Promise.reject('no a')),
      },
      {
        name: 'slow',
        seeds: () => ['a'],
        run: (text, timed) =>
          timed(() => {
            for (const end = performance.now() + text.length * 5; performance.now() < end; );
          }),
      },
    ];
    const { findings } = await runFuzz({ targets, seconds: 10, seed: 1 });
    expect(findings.map(({ target }) => target)).to.include.members(['repeated refno', 'rejecting', 'slow']);
    const slow = findings.find(({ target }) => target === 'slow');
    expect(slow?.problem).to.match(/^took \d+ ms, more than 50$/);
  });
});
