import { expect } from 'chai';
import { invariants } from './check.js';
import { type FaultsName, faultsKinds } from './databases.js';
import { hasPgBouncer } from './pgbouncer.js';
import { anySeed } from './random.js';
import { type CampaignOptions, runCampaign } from './run-campaign.js';

interface Variant extends Pick<CampaignOptions, 'database' | 'pooler'> {
  readonly name: string;
  readonly isHere: boolean;
}

const variants: readonly Variant[] = [
  ...Object.entries(faultsKinds).map(([database, kind]) => ({ ...kind, database: database as FaultsName })),
  { name: 'PostgreSQL behind PgBouncer', isHere: hasPgBouncer || process.env.CI !== undefined, pooler: 'transaction' },
];

for (const { name, isHere, database = 'postgres', pooler } of variants) {
  (isHere ? describe : describe.skip)(`Fault campaign of 15 seconds on ${name}`, () => {
    const seed = Number(process.env.FAULTS_SEED ?? anySeed());

    it(`loses no callback and runs no effect twice (FAULTS_SEED=${seed})`, async function () {
      this.timeout(240_000);
      this.slow(60_000);
      const report = await runCampaign({
        ...{ database, seed, seconds: 15, processes: 2, width: 40 },
        ...(pooler !== undefined && { pooler }),
      });
      const told = report.violations.map(({ invariant, id, detail }) => `${id}: ${invariants[invariant]}: ${detail}`);
      expect(told, `seed ${seed}`).to.deep.equal([]);
      expect(report.crashes, `seed ${seed}`).to.deep.equal([]);
      // The campaign must have done enough to prove something.
      expect(report.acknowledged).to.be.greaterThan(200);
      expect(report.moves).to.be.greaterThan(50);
      expect(report.effects).to.be.greaterThan(50);
      expect(report.early).to.be.greaterThan(0);
      expect(report.answers).to.include.keys('0', '200', '503');
      expect(Object.keys(report.faults).length).to.be.greaterThan(8);
    });
  });
}
