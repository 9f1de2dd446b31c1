import { expect } from 'chai';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { attack, type Damage, p99, signedForm } from './attacked.js';

const count = Number(process.env.ATTACK_COPIES ?? 3_000);

/** The same callback with another digest. */
const forgedForm = (txnid: string) => signedForm(txnid).replace(/digest=\w{4}/, 'digest=0000');

function describeDamage(title: string, { cpu, memory, others }: Damage): string {
  const times = `${p99(others).toFixed(0)} ms for others (p99 of ${others.length})`;
  return `${title}: ${cpu.toFixed(0)} ms of CPU, ${memory.toFixed(0)} MB, ${times}`;
}

for (const name of ['in memory', 'on PostgreSQL']) {
  describe(`Copies that are pipelined on one connection, ${name}`, () => {
    let database: TestDatabase | undefined;
    let copies: Damage;
    let forgeries: Damage;
    let figures: string;

    before(async () => {
      if (name === 'on PostgreSQL') database = await createTestDatabase();
      forgeries = await attack(database?.url, count, forgedForm);
      copies = await attack(database?.url, count, signedForm);
      figures = [describeDamage('copies', copies), describeDamage('forgeries', forgeries)].join('; ');
      if (process.env.ATTACK_COPIES !== undefined) console.log(`      ${count} requests. ${figures}`);
    });
    after(() => database?.destroy());

    it('are all answered 200 or 503, and forgeries 400', () => {
      const { 200: handled = 0, 503: refused = 0, ...rest } = copies.statuses;
      expect(rest).to.deep.equal({});
      expect(handled + refused).to.equal(count);
      expect(handled).to.be.above(0);
      expect(forgeries.statuses).to.deep.equal({ 400: count });
    });

    it('cost at most twice the CPU time of as many forgeries', () => {
      expect(copies.cpu, figures).to.be.below(2 * forgeries.cpu + 100);
    });

    // With an allowance for garbage that was not collected yet.
    it('cost at most twice the memory of as many forgeries', () => {
      expect(copies.memory, figures).to.be.below(2 * forgeries.memory + 40);
    });

    it('slow down other payers at most twice as much as forgeries', () => {
      expect(copies.othersStatuses).to.deep.equal([200]);
      expect(p99(copies.others), figures).to.be.below(2 * p99(forgeries.others) + 250);
    });
  });
}
