import { CamelCasePlugin, Kysely, type KyselyPlugin, PostgresDialect } from 'kysely';
import pg from 'pg';
import { type DragonpayTables, KyselyRepository, type TableNames, withNamedStatements } from '../../../src/kysely.js';
import { repositoryConformance } from '../../../src/testing.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';

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

/** When the database is dropped, its connections may still be closing. */
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

for (const { name, tables, connect } of variants) {
  describe(`KyselyRepository on PostgreSQL with ${name}`, () => {
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
