import { expect } from 'chai';
import {
  DummyDriver,
  Kysely,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely';
import { DragonpayError } from '../../src/errors.js';
import { KyselyRepository } from '../../src/kysely.js';
import { mysqlDialect } from '../../src/mysql.js';
import { postgres } from '../../src/repository/kysely/postgres/postgres.js';
import { SqliteFileDialect, sqliteDialect } from '../../src/sqlite.js';

function neverOpened(): never {
  throw new Error('no query is run');
}

// biome-ignore lint/suspicious/noExplicitAny: the tables do not matter
const kyselys: Record<string, Kysely<any>> = {
  PostgreSQL: new Kysely({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  }),
  MariaDB: new Kysely({
    dialect: {
      createAdapter: () => new MysqlAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new MysqlIntrospector(db),
      createQueryCompiler: () => new MysqlQueryCompiler(),
    },
  }),
  SQLite: new Kysely({ dialect: new SqliteFileDialect({ open: neverOpened }) }),
};
const dialects = { PostgreSQL: postgres, MariaDB: mysqlDialect, SQLite: sqliteDialect };

describe('The dialect of KyselyRepository', () => {
  for (const [database, db] of Object.entries(kyselys)) {
    for (const [name, dialect] of Object.entries(dialects)) {
      it(`of ${name} ${name === database ? 'is accepted' : 'is refused'} over a Kysely of ${database}`, () => {
        const make = () => new KyselyRepository(db, { dialect });
        if (name === database) return expect(make).not.to.throw();
        return expect(make).to.throw(
          DragonpayError,
          /^dialect must be for the database of the Kysely: .*sqliteDialect/,
        );
      });
    }
  }

  it('must be one of the exported objects, and not a name', () => {
    expect(() => new KyselyRepository(kyselys.SQLite as never, { dialect: 'sqlite' as never })).to.throw(
      /^dialect must/,
    );
  });

  it('needs a Kysely: a driver or nothing is refused', () => {
    for (const db of [undefined, {}]) expect(() => new KyselyRepository(db as never)).to.throw(/^db must be a Kysely$/);
  });
});
