import {
  type CallbackRepository,
  createDragonpay,
  MemoryRepository,
  type RecordedUpdate,
  type StatusEffect,
  type ValidCallback,
  type VerifiedCallback,
} from 'dragonpay-callback';
import { KyselyRepository } from 'dragonpay-callback/kysely';
import type { Kysely } from 'kysely';
import { expectType } from './expect-type.js';

/** Compiled only: an unverified callback cannot be stored, and your own repository fits the port. */
export async function storesNothingUnverified(
  repository: CallbackRepository,
  memory: MemoryRepository,
  kysely: KyselyRepository<object>,
  valid: ValidCallback,
  verified: VerifiedCallback,
): Promise<void> {
  const plain = {
    kind: 'payment',
    id: 'T-1',
    refno: 'R1',
    status: 'S',
    data: { txnid: 'T-1', refno: 'R1', status: 'S', message: '' },
    unsigned: {},
    proof: { algorithm: 'sha1', keyId: 'secretKeys[0]' },
    amount: undefined,
    currency: undefined,
    method: 'POST',
    raw: () => '',
  } as const;
  // @ts-expect-error this was not verified, however much it looks like it
  await repository.store(plain);
  // @ts-expect-error nor here
  await memory.store(plain);
  // @ts-expect-error nor here
  await kysely.store(plain);
  // @ts-expect-error the mark of the verification cannot be written by hand
  await repository.store({ ...plain, verified: true });
  // @ts-expect-error nor by a callback that was handed out
  await repository.store(valid);
  // @ts-expect-error nor is an empty object verified
  await repository.store({});

  expectType<RecordedUpdate>(await repository.store(verified));
  expectType<RecordedUpdate>(await repository.store({ ...verified }));
  // @ts-expect-error the outcome of storing is never that it was skipped
  if ((await repository.store(verified)).outcome === 'skipped') return;
}

interface OwnTransaction {
  query(sql: string, values: readonly unknown[]): Promise<void>;
}

/** The port is small enough to be written like this. */
export class OwnRepository implements CallbackRepository<OwnTransaction> {
  async store(callback: VerifiedCallback, effect?: StatusEffect<OwnTransaction>): Promise<RecordedUpdate> {
    await effect?.run({ outcome: 'applied', previous: 'P', current: 'S', late: false }, { query: async () => {} });
    // @ts-expect-error an effect gets the transaction
    await effect?.run({ outcome: 'applied', previous: 'P', current: 'S', late: false });
    return callback.status === 'S'
      ? { outcome: 'applied', previous: 'P', current: 'S', late: false }
      : { outcome: 'not-found' };
  }
  async findPayment() {
    return undefined;
  }
  async findPayout() {
    return undefined;
  }
}

// @ts-expect-error a repository has more than store
export class HalfRepository implements CallbackRepository {
  async store(): Promise<RecordedUpdate> {
    return { outcome: 'not-found' };
  }
}

interface Database {
  readonly orders: { readonly txnid: string; readonly paid: boolean };
}

export function settingsTakeAnyRepository(db: Kysely<Database>): void {
  const settings = { merchantId: 'ACME', environment: 'test', payout: { sha1: { secretKeys: ['s'] } } } as const;
  createDragonpay({ ...settings, repository: new OwnRepository() });
  createDragonpay({ ...settings, repository: new MemoryRepository() });
  createDragonpay({ ...settings, repository: new KyselyRepository(db) });
  createDragonpay({ ...settings, repository: undefined });
  // @ts-expect-error a map is not a repository
  createDragonpay({ ...settings, repository: new Map() });
}

export async function rowsAreMadeOfStrings(
  memory: MemoryRepository,
  kysely: KyselyRepository<Database>,
): Promise<void> {
  for (const repository of [memory, kysely]) {
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    // @ts-expect-error floats lose cents
    await repository.createPayment({ txnid: 'T-1', amount: 100 });
    // @ts-expect-error an amount there must be
    await repository.createPayment({ txnid: 'T-1' });
    // @ts-expect-error there is no such status
    await repository.createPayment({ txnid: 'T-1', amount: '1', status: 'X' });
    // @ts-expect-error R is a status of payments
    await repository.createPayout({ merchantTxnId: 'T-1', amount: '1', status: 'R' });
    expectType<string | undefined>((await repository.findPayment('T-1'))?.amount);
  }
}
