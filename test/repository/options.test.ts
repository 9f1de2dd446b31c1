import { expect } from 'chai';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { DragonpayError, type InboxFilter, MemoryRepository, type MerchantRepository } from '../../src/index.js';
import { createMigrations, KyselyRepository, type KyselyRepositoryOptions, type TableNames } from '../../src/kysely.js';

/** No test connects: a wrong option must be refused without a connection. */
const unreachable = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: new pg.Pool({ port: 1 }) }) });

type Refused = ReadonlyArray<readonly [options: Readonly<Record<string, unknown>>, subject: string]>;

const names: Refused = [
  [{ schema: '' }, 'schema'],
  [{ schema: 's'.repeat(64) }, 'schema'],
  [{ transactions: 't'.repeat(48) }, 'transactions'],
  [{ payouts: 'p'.repeat(48) }, 'payouts'],
  [{ callbacks: 'c'.repeat(48) }, 'callbacks'],
  [{ callbacks: 'ü'.repeat(24) }, 'callbacks'],
  [{ callbacks: 'a$dragonpay$b' }, 'callbacks'],
  [{ transactions: 'a\0b' }, 'transactions'],
  [{ transactions: 5 }, 'transactions'],
  [{ transactions: 'same', payouts: 'same' }, 'payouts'],
  [{ callbacks: 'dragonpay_payouts' }, 'callbacks'],
  [{ shcema: 'shop' }, 'shcema'],
];

const options: Refused = [
  ...[0, -1, Number.NaN, 1.5, 1e9, '64'].map((batch) => [{ batch }, 'batch'] as const),
  ...[-1, Number.NaN, Number.POSITIVE_INFINITY, 0.5, '5000'].map(
    (busyMilliseconds) => [{ busyMilliseconds }, 'busyMilliseconds'] as const,
  ),
  [{ busyMiliseconds: 100 }, 'busyMiliseconds'],
  ...[0, 1.5, '8', 1_001].map((effects) => [{ effects }, 'effects'] as const),
  [{ batchKey: 'tenant' }, 'batchKey'],
];

const filters: Refused = [
  ...[0, -1, 1.5, Number.NaN, 10_001, 3e9, '10'].map((limit) => [{ limit }, 'limit'] as const),
  ...[new Date('x'), new Date(-8.64e15), new Date(8.64e15), '2025-01-01'].map((since) => [{ since }, 'since'] as const),
  ...['x', '', '99999999999999999999:a:b:c:d', '1:a:payment:r:S:99999', '1:a\0:payment:r:S', 5].map(
    (after) => [{ after }, 'after'] as const,
  ),
  [{ txnid: 'a\0b' }, 'txnid'],
  [{ txnid: 5 }, 'txnid'],
  [{ merchantTxnId: {} }, 'merchantTxnId'],
  [{ txnid: 'a', merchantTxnId: 'a' }, 'merchantTxnId'],
  [{ reason: "x' or 1=1--" }, 'reason'],
  [{ outcome: 'toString' }, 'outcome'],
];

const repositories: Readonly<Record<string, () => MerchantRepository>> = {
  KyselyRepository: () => new KyselyRepository(unreachable) as MerchantRepository,
  MemoryRepository: () => new MemoryRepository() as MerchantRepository,
};

async function expectRefusal(run: () => unknown, subject: string): Promise<void> {
  const error = await (async () => run())().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!DragonpayError.is(error)) throw new Error(`not refused, but ${error}`);
  expect([error.code, error.subject]).to.deep.equal(['invalid-setting', subject]);
}

function titleOf(value: unknown): string {
  return JSON.stringify(value, (_, one) => (typeof one === 'number' ? String(one) : one)).slice(0, 35);
}

describe('options of the repository', () => {
  after(() => unreachable.destroy());

  for (const [given, subject] of [...names, ...options]) {
    it(`KyselyRepository refuses ${titleOf(given)}, naming ${subject}`, () =>
      expectRefusal(() => new KyselyRepository(unreachable, given as KyselyRepositoryOptions), subject));
  }

  it('KyselyRepository names the option that was probably meant', () => {
    expect(() => new KyselyRepository(unreachable, { busyMiliseconds: 100 } as KyselyRepositoryOptions)).to.throw(
      'busyMiliseconds is unknown; did you mean busyMilliseconds?',
    );
  });

  for (const [given, subject] of names) {
    it(`createMigrations refuses ${titleOf(given)}, naming ${subject}`, () =>
      expectRefusal(() => createMigrations(given as TableNames), subject));
  }

  for (const [name, make] of Object.entries(repositories)) {
    for (const [given, subject] of filters) {
      it(`${name}.callbacks refuses ${titleOf(given)}, naming ${subject}`, () =>
        expectRefusal(() => make().callbacks(given as InboxFilter), subject));
    }

    it(`${name}.pruneCallbacks refuses what is not a date that it can compare`, async () => {
      for (const before of [new Date('x'), new Date(8.64e15), '2025-01-01', undefined]) {
        await expectRefusal(() => make().pruneCallbacks(before as Date), 'before');
      }
    });
  }
});
