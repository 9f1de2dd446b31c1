import { MemoryRepository, type MerchantRepository } from '../../src/index.js';
import { KyselyRepository } from '../../src/kysely.js';
import { type CreatedDatabase, describeDatabases, emptyTables } from './databases.js';

/** Describes the same cases on each database and in memory. The repository is empty before each test. */
export function describeRepositories(title: string, cases: (repository: () => MerchantRepository) => void): void {
  describeDatabases(title, ({ dialect, create }) => {
    let database: CreatedDatabase;
    before(async function () {
      this.timeout(30_000);
      database = await create();
    });
    beforeEach(() => emptyTables(database.db));
    after(() => database?.destroy());
    cases(() => new KyselyRepository(database.db, { dialect }));
  });
  describe(`${title}, in memory`, () => {
    let repository: MemoryRepository;
    beforeEach(() => {
      repository = new MemoryRepository();
    });
    cases(() => repository);
  });
}
