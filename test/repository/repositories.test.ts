import { AssertionError } from 'node:assert/strict';
import { expect } from 'chai';
import { CamelCasePlugin, Kysely, type KyselyPlugin, PostgresDialect } from 'kysely';
import pg from 'pg';
import { MemoryRepository, type MemoryTransaction, type StatusEffect, type VerifiedCallback } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, type TableNames, withNamedStatements } from '../../src/kysely.js';
import { repositoryConformance } from '../../src/testing.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

/** Parsers as a user may set them on a pool: floats for numeric, text for dates, numbers for arrays and booleans. */
const oddParsers: pg.CustomTypesConfig = {
  getTypeParser: (type: number) => {
    if (type === pg.types.builtins.NUMERIC) return Number.parseFloat;
    if (type === pg.types.builtins.INT4) return (value: string) => BigInt(value);
    return (value: string) => value;
  },
};

const odd: TableNames = { schema: 'Shop "1"', transactions: 'Payments', payouts: 'pay outs', callbacks: 'in"box' };

/** Renames every column of every result. */
const shouting: KyselyPlugin = {
  transformQuery: ({ node }) => node,
  transformResult: async ({ result }) => ({
    ...result,
    rows: result.rows.map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name.toUpperCase(), value])),
    ),
  }),
};

interface Variant {
  readonly name: string;
  readonly tables?: TableNames;
  connect(url: string): Kysely<DragonpayTables>;
}

/** Its connections may still be closing when their database is dropped. */
function poolOf(config: pg.PoolConfig): pg.Pool {
  return new pg.Pool(config).on('error', () => {});
}

function kysely(pool: pg.Pool, options: { plugins?: KyselyPlugin[] } = {}): Kysely<DragonpayTables> {
  return new Kysely({ dialect: new PostgresDialect({ pool }), ...options });
}

const variants: readonly Variant[] = [
  { name: 'a plain pool', connect: (connectionString) => kysely(poolOf({ connectionString })) },
  {
    name: 'named statements',
    connect: (connectionString) => {
      const pool = withNamedStatements(poolOf({ connectionString }));
      return new Kysely({ dialect: new PostgresDialect({ pool }) });
    },
  },
  {
    name: 'plugins that rename columns',
    connect: (connectionString) => kysely(poolOf({ connectionString }), { plugins: [new CamelCasePlugin(), shouting] }),
  },
  {
    name: 'a schema and table names of one’s own',
    tables: odd,
    connect: (connectionString) => kysely(poolOf({ connectionString })),
  },
  {
    name: 'type parsers that answer with floats and text',
    connect: (connectionString) => kysely(poolOf({ connectionString, types: oddParsers })),
  },
];

/** Repositories that are wrong in one way each, and a case that must say so. */
const wrong: Readonly<Record<string, readonly [Wrong: new () => MemoryRepository, caseName: string]>> = {
  'runs the effect of a duplicate': [
    class extends MemoryRepository {
      override async store(callback: VerifiedCallback, effect?: StatusEffect<MemoryTransaction>) {
        const update = await super.store(callback, effect);
        const applied = { outcome: 'applied', previous: 'S', current: 'S', late: false } as const;
        if (update.outcome === 'duplicate') await effect?.run(applied, {} as MemoryTransaction);
        return update;
      }
    },
    'runs an effect only for the outcome applied',
  ],
  'runs the effect after it has committed': [
    class extends MemoryRepository {
      override async store(callback: VerifiedCallback, effect?: StatusEffect<MemoryTransaction>) {
        const update = await super.store(callback);
        if (update.outcome === 'applied') await effect?.run(update, {} as MemoryTransaction);
        return update;
      }
    },
    'rolls back when the effect fails, rejects with its error, applies the next delivery',
  ],
  'takes a lower-case letter for its upper-case one': [
    class extends MemoryRepository {
      override store(callback: VerifiedCallback, effect?: StatusEffect<MemoryTransaction>) {
        return super.store({ ...callback, status: callback.status.toUpperCase() }, effect);
      }
    },
    'answers unrecognized for an unknown letter and leaves the row unchanged',
  ],
  'forgets its inbox': [
    class extends MemoryRepository {
      override async callbacks() {
        return [];
      }
    },
    'records one event for an id, a refno and a status, and counts its deliveries',
  ],
};

describe('repositoryConformance', () => {
  for (const [name, [Wrong, caseName]] of Object.entries(wrong)) {
    it(`finds a repository wrong that ${name}`, async () => {
      const found = repositoryConformance(() => ({ repository: new Wrong() })).find((one) => one.name === caseName);
      let error: unknown;
      await found?.run().catch((reason: unknown) => {
        error = reason;
      });
      expect(error).to.be.instanceOf(AssertionError);
    });
  }

  it('closes what was made, also when a case fails', async () => {
    let made = 0;
    let closed = 0;
    const make = () => {
      made++;
      return { repository: made % 2 === 0 ? new MemoryRepository() : new BrokenRepository(), close: () => closed++ };
    };
    for (const { run } of repositoryConformance(make)) await run().catch(() => {});
    expect(made).to.be.above(50);
    expect(closed).to.equal(made);
  });
});

class BrokenRepository extends MemoryRepository {
  override async store(): Promise<never> {
    throw new Error('broken');
  }
}

describe('MemoryRepository', () => {
  for (const { name, run } of repositoryConformance(() => ({ repository: new MemoryRepository() }))) it(name, run);
});

for (const { name, tables, connect } of variants) {
  describe(`KyselyRepository with ${name}`, () => {
    let database: TestDatabase;
    let db: Kysely<DragonpayTables>;

    before(async () => {
      database = await createTestDatabase(tables);
      db = connect(database.url);
    });

    after(async () => {
      await db.destroy();
      await database.destroy();
    });

    const make = () => ({
      repository: new KyselyRepository(db, tables),
      // Callbacks that reach one repository together wait for each other; those of several meet in the database.
      peers: [new KyselyRepository(db, tables), new KyselyRepository(db, { ...tables, batch: 1 })],
    });
    for (const { name, run } of repositoryConformance(make)) it(name, run);
  });
}
