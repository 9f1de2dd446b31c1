import { expect } from 'chai';
import { invariants } from './check.js';
import { anySeed } from './random.js';
import { runCampaign } from './run-campaign.js';

describe('a short campaign of faults', () => {
  const seed = Number(process.env.FAULTS_SEED ?? anySeed());

  it(`loses nothing and does nothing twice (FAULTS_SEED=${seed})`, async function () {
    this.timeout(120_000);
    this.slow(60_000);
    const report = await runCampaign({ seed, seconds: 15, processes: 2, width: 40 });
    const told = report.violations.map(({ invariant, id, detail }) => `${id}: ${invariants[invariant]}: ${detail}`);
    expect(told, `seed ${seed}`).to.deep.equal([]);
    expect(report.crashes, `seed ${seed}`).to.deep.equal([]);
    // It was a campaign, and not a quiet quarter of a minute.
    expect(report.acknowledged).to.be.greaterThan(200);
    expect(report.moves).to.be.greaterThan(50);
    expect(report.effects).to.be.greaterThan(50);
    expect(report.answers).to.include.keys('0', '200', '503');
    expect(Object.keys(report.faults).length).to.be.greaterThan(8);
  });
});
