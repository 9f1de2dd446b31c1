import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { KyselyRepository } from '../../src/kysely.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { type Program, runProgram } from '../support/program.js';
import { queues } from '../support/queues.js';

for (const name of Object.keys(queues)) {
  describe(`A queue of ${name}`, function () {
    this.timeout(60_000);
    const running: Program[] = [];
    let other: TestDatabase;
    beforeEach(async () => {
      other = await createTestDatabase();
      await other.pool.query('create table work (key text not null, event text not null)');
      await other.pool.query(`create unique index on work (key, event) where event = 'shipped'`);
      await new KyselyRepository(other.db).createPayment({ txnid: 'T-1', amount: '100.00' });
    });
    afterEach(async () => {
      for (const program of running.splice(0)) await program.stop('SIGKILL');
      await other.destroy();
    });

    function start(environment: Record<string, string>): Program {
      const program = runProgram('test/support/shipping-process.ts', {
        ...{ DATABASE_URL: other.url, QUEUE: name, TXNID: 'T-1' },
        ...environment,
      });
      running.push(program);
      return program;
    }

    async function events(): Promise<string[]> {
      const { rows } = await other.pool.query('select event from work order by event');
      return rows.map(({ event }) => event);
    }

    it('does the work once when a process is killed between the commit and the work', async () => {
      const receiving = start({ ROLE: 'receive' });
      await receiving.printed(/answered 200 result=OK\n/);
      await receiving.stop('SIGKILL');
      expect(await events()).to.deep.equal([]);
      const working = start({ ROLE: 'work' });
      await working.printed(/shipped ship:payment:T-1:S\n/);
      await sleep(1_500);
      expect(await events()).to.deep.equal(['began', 'shipped']);
    });

    it('begins the work again with the same key when a process is killed in the middle of it', async () => {
      const receiving = start({ ROLE: 'receive' });
      await receiving.printed(/answered 200/);
      await receiving.stop('SIGKILL');
      const working = start({ ROLE: 'work', HANG: 'yes' });
      await working.printed(/began ship:payment:T-1:S\n/);
      await working.stop('SIGKILL');
      const again = start({ ROLE: 'work' });
      await again.printed(/shipped ship:payment:T-1:S\n/);
      expect(await events()).to.deep.equal(['began', 'began', 'shipped']);
    });
  });
}
