import { expect } from 'chai';
import type { InboxEvent, ReviewReason, StoredEvent } from '../../../src/index.js';
import type { KyselyRepository } from '../../../src/kysely.js';
import { type Receiver, Receivers } from '../../support/receivers.js';

describe('what the inbox is for', function () {
  const receivers = Receivers.forSuite(this);

  describe('late and contradictory news', () => {
    interface News {
      readonly before: string;
      readonly status: string;
      readonly fields?: Record<string, string>;
      readonly outcome: string;
      readonly reason: ReviewReason;
    }
    const news: readonly News[] = [
      ...['V', 'F', 'E'].map((before) => ({ before, status: 'S', outcome: 'applied', reason: 'late' as const })),
      ...['P', 'F', 'V'].map((status) => ({ before: 'S', status, outcome: 'stale', reason: 'stale' as const })),
      { before: 'P', status: 'S', fields: { amount: '100.01' }, outcome: 'mismatch', reason: 'amount' },
      { before: 'P', status: 'S', fields: { ccy: 'USD' }, outcome: 'mismatch', reason: 'currency' },
      { before: 'P', status: 'S', fields: { refno: 'ANOTHER' }, outcome: 'mismatch', reason: 'refno' },
    ];
    for (const { before, status, fields = {}, outcome, reason } of news) {
      it(`${reason}: ${status} after ${before}${JSON.stringify(fields)} is told, and found by one query`, async () => {
        const told: StoredEvent[] = [];
        const hooks = {
          stored: (event: StoredEvent) => void told.push(event),
          rejected: () => {},
          handlerFailed: () => {},
        };
        const shop = receivers.make({ hooks });
        const txnid = await receivers.newPayment();
        let late: boolean | undefined;
        expect(await shop.told(txnid, before)).to.equal('200 applied');
        shop.work = ({ update }) => {
          late = update.late;
        };
        expect(await shop.told(txnid, status, fields)).to.equal(`200 ${outcome}`);
        expect(late).to.equal(reason === 'late' ? true : undefined);
        const { update } = told.at(-1) as StoredEvent;
        expect(update.outcome).to.equal(outcome);
        if (update.outcome === 'applied') expect(update.late).to.equal(true);
        if (update.outcome === 'mismatch') expect(update.differs).to.deep.equal([reason]);
        const isIt = (event: InboxEvent) => event.id === txnid && event.status === status;
        expect((await allOf(shop, { reason })).filter(isIt)).to.have.length(1);
        expect((await allOf(shop, { outcome: outcome as 'stale' })).filter(isIt)).to.have.length(1);
        expect((await allOf(shop, { reason: 'unrecognized' })).filter(isIt)).to.deep.equal([]);
      });
    }
  });

  /** Reads the inbox to its end, page by page. */
  async function allOf(
    { repository }: Receiver,
    filter: Parameters<KyselyRepository['callbacks']>[0],
    betweenPages: () => Promise<unknown> = async () => {},
  ): Promise<InboxEvent[]> {
    const all: InboxEvent[] = [];
    for (let after: string | undefined; ; ) {
      const page = await repository.callbacks({ limit: 10, ...filter, ...(after !== undefined && { after }) });
      all.push(...page);
      after = page.at(-1)?.cursor;
      if (after === undefined) return all;
      await betweenPages();
    }
  }

  describe('the inbox', () => {
    /** Callbacks without a row are recorded at once. */
    const limits = { earlyMilliseconds: 0 };

    it('read page by page returns each event once, while others arrive and old ones come again', async () => {
      const shop = receivers.make({ limits });
      const since = new Date();
      const deliver = async (number: number) => shop.told(`inbox-${number}`, 'S', { refno: `R${number}` });
      await Promise.all(Array.from({ length: 95 }, (_, number) => deliver(number)));
      let arriving = 95;
      const seen = await allOf(shop, { since, limit: 7 }, async () => {
        if (arriving < 125) await Promise.all([deliver(arriving++), deliver(arriving++), deliver(arriving % 90)]);
      });
      const ids = seen.map(({ id }) => id);
      expect(ids).to.have.length(new Set(ids).size);
      for (let number = 0; number < arriving; number++) expect(ids).to.include(`inbox-${number}`);
    });

    it('is pruned in batches past locked rows, while callbacks are recorded', async () => {
      const shop = receivers.make({ limits, connections: 6 });
      await receivers.database.pool.query('delete from dragonpay_callbacks');
      await receivers.database.pool.query(`insert into dragonpay_callbacks
(kind, id, refno, status, first_seen, last_seen, outcome, proof, key_id, method, raw)
select 'payment', 'old-' || n, 'R1', 'S', now() - interval '2 days', now() - interval '1 day', 'not-found', 'sha1', 'k', 'POST', ''
from generate_series(1, 20000) n`);
      const holder = await receivers.database.pool.connect();
      await holder.query('begin');
      await holder.query(`select from dragonpay_callbacks where id = 'old-7' for update`);
      const before = new Date(Date.now() - 3_600_000);
      const delivered: string[] = [];
      let longest = 0;
      let count = 0;
      try {
        let isPruned = false;
        const pruning = shop.repository.pruneCallbacks(before).finally(() => {
          isPruned = true;
        });
        for (let number = 20_000; !isPruned && number > 10; number -= 3) {
          const startedAt = performance.now();
          expect(await shop.told(`old-${number}`)).to.equal('200 not-found');
          longest = Math.max(longest, performance.now() - startedAt);
          delivered.push(`old-${number}`);
        }
        // The pruning did not wait for the locked row, and no callback waited long for the pruning.
        count = await pruning;
        expect(longest).to.be.below(1_000);
        expect(delivered.length).to.be.greaterThan(1);
      } finally {
        await holder.query('rollback');
        holder.release();
      }
      const { rows } = await receivers.database.pool.query('select id from dragonpay_callbacks order by id');
      const left = rows.map(({ id }) => id as string);
      expect(left).to.include.members(['old-7', ...delivered]);
      expect(left).to.have.length(delivered.length + 1);
      expect(count).to.be.within(20_000 - delivered.length - 1, 19_999);
      expect(await shop.repository.pruneCallbacks(before)).to.equal(1);
    });
  });
});
