import type { CallbackReply, Dragonpay, HandlerClass, MerchantRepository } from '../../src/index.js';
import { MemoryRepository } from '../../src/index.js';
import { KyselyRepository } from '../../src/kysely.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { createTestDatabase, type TestDatabase } from './database.js';

/** Settings of a merchant whose callbacks {@link post} signs, and whose hooks are silent. */
export const merchant = {
  merchantId: 'ACME',
  environment: 'test',
  verification: { sha1: { secretKeys: ['secret'] } },
  payout: { sha1: { secretKeys: ['secret'] } },
  hooks: { handlerFailed: () => {}, stored: () => {}, rejected: () => {}, inquired: () => {} },
} as const;

/** Posts a signed callback: a payment of 100.00 that succeeded, unless the fields say otherwise. */
export async function post(
  dragonpay: Dragonpay,
  Class: HandlerClass,
  fields: Readonly<Record<string, string>> = {},
): Promise<CallbackReply> {
  const all = { txnid: 'T-1', refno: 'RFNO0001', status: 'S', message: 'OK', amount: '100.00', ...fields };
  const text = encodeCallback(signCallback(all, { sha1: { secretKey: 'secret' } }));
  return dragonpay.endpoint(Class).dispatch({
    method: 'POST',
    target: '/',
    header: (name) => (name === 'content-type' ? 'application/x-www-form-urlencoded' : undefined),
    body: () => ({ kind: 'text', text }),
    native: undefined,
  });
}

/** The repositories that a behaviour is shown on: each is empty for each test. */
export function describeRepositories(title: string, cases: (repository: () => MerchantRepository) => void): void {
  describe(`${title}, on PostgreSQL`, () => {
    let database: TestDatabase;
    before(async () => {
      database = await createTestDatabase();
    });
    beforeEach(() => database.pool.query('truncate dragonpay_transactions, dragonpay_payouts, dragonpay_callbacks'));
    after(() => database?.destroy());
    cases(() => new KyselyRepository(database.db) as MerchantRepository);
  });
  describe(`${title}, in memory`, () => {
    let repository: MemoryRepository;
    beforeEach(() => {
      repository = new MemoryRepository();
    });
    cases(() => repository as MerchantRepository);
  });
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
}
