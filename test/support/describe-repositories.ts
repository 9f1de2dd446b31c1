import { MemoryRepository, type MerchantRepository } from '../../src/index.js';
import { KyselyRepository } from '../../src/kysely.js';
import { createTestDatabase, type TestDatabase } from './database.js';

/** Describes the same cases on PostgreSQL and in memory. The repository is empty before each test. */
export function describeRepositories(title: string, cases: (repository: () => MerchantRepository) => void): void {
  describe(`${title}, on PostgreSQL`, () => {
    let database: TestDatabase;
    before(async () => {
      database = await createTestDatabase();
    });
    beforeEach(() => database.pool.query('truncate dragonpay_transactions, dragonpay_payouts, dragonpay_callbacks'));
    after(() => database?.destroy());
    cases(() => new KyselyRepository(database.db));
  });
  describe(`${title}, in memory`, () => {
    let repository: MemoryRepository;
    beforeEach(() => {
      repository = new MemoryRepository();
    });
    cases(() => repository);
  });
}
