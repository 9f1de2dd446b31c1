import { expect } from 'chai';
import { schema } from '../../../src/repository/kysely/schema.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';

describe('the schema', () => {
  let database: TestDatabase;
  before(async () => {
    database = await createTestDatabase();
  });
  after(() => database.destroy());

  async function column(statement: string, table: string): Promise<unknown[]> {
    const { rows } = await database.pool.query({ text: statement, values: [table], rowMode: 'array' });
    return rows.map(([value]) => value);
  }

  for (const [name, { columns, key, indexes }] of Object.entries(schema)) {
    const table = `dragonpay_${name}`;

    it(`of ${name} has the columns that the migrations make`, async () => {
      const made = await column('select column_name from information_schema.columns where table_name = $1', table);
      expect(made).to.have.members(Object.keys(columns));
    });

    it(`of ${name} has the key that the migrations make`, async () => {
      const made = await column(
        `select attname::text from pg_index join pg_attribute on attrelid = indrelid and attnum = any(indkey)
        where indrelid = $1::regclass and indisprimary`,
        table,
      );
      expect(made).to.have.members([...key]);
    });

    it(`of ${name} has the indexes that the migrations make`, async () => {
      const made = await column('select indexname from pg_indexes where tablename = $1', table);
      expect(made).to.have.members([`${table}_pkey`, ...indexes.map((ending) => table + ending)]);
    });
  }
});
