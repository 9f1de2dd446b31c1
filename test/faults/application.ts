/**
 * One application process of the campaign: a real server with a handler class that misbehaves at random. Its parent may
 * kill it at any time.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { toNodeListener } from '../../adapters/http/node.js';
import {
  type Callback,
  createDragonpay,
  DragonpayCallback,
  OnGet,
  OnPost,
  OnStatus,
  type Status,
} from '../../src/index.js';
import { KyselyRepository, type StoredCallback } from '../../src/kysely.js';
import { type FaultsName, faultsKinds } from './databases.js';
import { type FaultsDatabase, paymentEffects, payoutEffects } from './effects.js';
import { secrets } from './histories.js';
import { Random } from './random.js';
import { stepClock } from './stepped-clock.js';

const { DATABASE_URL = '', FAULTS_DATABASE, FAULTS_SEED, FAULTS_POOL, FAULTS_MISBEHAVING } = process.env;
const kind = faultsKinds[FAULTS_DATABASE as FaultsName];
const random = new Random(Number(FAULTS_SEED));
const handlerMilliseconds = 600;

type Stored = StoredCallback<Status, FaultsDatabase, 'payment' | 'payout'>;

/** Random misbehavior of a handler, before or after its work. */
const misbehaviours: Record<string, (callback: Stored, work: (order?: number) => Promise<void>) => Promise<unknown>> = {
  slow: async (_callback, work) => {
    await work();
    await sleep(random.between(20, 250));
  },
  'throws-before': async () => {
    throw new Error('this handler throws before its work');
  },
  'throws-after': async (_callback, work) => {
    await work();
    throw new Error('this handler throws after its work');
  },
  'late-use': async (_callback, work) => {
    await work();
    await sleep(handlerMilliseconds + random.between(1, 300));
    await work().catch(() => {});
  },
  'never-returns': async (_callback, work) => {
    await work();
    await new Promise(() => {});
  },
  'slow-query': async ({ trx }, work) => {
    await work();
    await sql.raw(kind.sleep(random.between(0.2, 1.2))).execute(trx);
  },
  swallows: async ({ trx }, work) => {
    await work();
    await sql`select nothing`.execute(trx).catch(() => {});
  },
  'fails-at-commit': (_callback, work) => work(2),
};

@DragonpayCallback({ updateOnGet: true })
class Shop {
  @OnStatus(...paymentEffects)
  async payment(callback: StoredCallback<(typeof paymentEffects)[number], FaultsDatabase>) {
    await this.#work(callback as Stored, callback.data.txnid);
  }

  @OnStatus(...payoutEffects, { kind: 'payout' })
  async payout(callback: StoredCallback<(typeof payoutEffects)[number], FaultsDatabase, 'payout'>) {
    await this.#work(callback as Stored, callback.data.merchantTxnId);
  }

  @OnPost()
  @OnGet()
  answer(callback: Callback) {
    return callback.valid ? callback.update.outcome : undefined;
  }

  async #work(callback: Stored, id: string): Promise<void> {
    const { status, update, trx } = callback;
    const work = async (order = 1) => {
      const { previous, late } = update;
      const txnid = callback.kind === 'payment' ? id : null;
      await trx
        .insertInto('fault_effects')
        .values({ kind: callback.kind, id, status, previous, late, txnid, fault_order: order })
        .execute();
    };
    const [name, misbehave] = random.pick(Object.entries(misbehaviours));
    if (!random.chance(Number(FAULTS_MISBEHAVING)) || misbehave === undefined) return work();
    process.send?.({ misbehaviour: name });
    await misbehave(callback, work);
  }
}

const { db, hold } = kind.open(DATABASE_URL, Number(FAULTS_POOL));
const dragonpay = createDragonpay({
  merchantId: secrets.merchantId,
  environment: 'test',
  verification: { hmac: { keys: [secrets.hmac] } },
  payout: { sha1: { secretKeys: [secrets.sha1] } },
  repository: new KyselyRepository(db, { dialect: kind.dialect, busyMilliseconds: 1_000 }),
  limits: { handlerMilliseconds, storeMilliseconds: 3_000, earlyMilliseconds: 300 },
  hooks: { rejected: () => {}, stored: () => {}, handlerFailed: () => {}, keepUpFailed: () => {} },
});
const server = createServer(toNodeListener(dragonpay.endpoint(Shop)));
dragonpay.keepUp({ everyMilliseconds: 1_000 });
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));

/** Holds all connections of the pool, as a leak or a slow report does. */
function exhaust(milliseconds: number): void {
  for (let number = 0; number < Number(FAULTS_POOL); number++) hold(milliseconds).catch(() => {});
}

process.on('message', (message: { exhaust?: number; step?: number }) => {
  if (message.exhaust !== undefined) exhaust(message.exhaust);
  if (message.step !== undefined) stepClock(message.step);
});
process.on('disconnect', () => process.exit());
process.once('SIGTERM', async () => {
  server.close();
  const isDrained = await dragonpay.close({ milliseconds: 10_000 });
  process.exit(isDrained ? 0 : 9);
});
