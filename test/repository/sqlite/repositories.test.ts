import { CamelCasePlugin, Kysely, SqliteDialect } from 'kysely';
import { type DragonpayTables, KyselyRepository, type TableNames } from '../../../src/kysely.js';
import { SqliteFileDialect, sqliteDialect } from '../../../src/sqlite.js';
import { repositoryConformance } from '../../../src/testing.js';
import { createSqliteDatabase, isForKysely, openFile, type SqliteTestDatabase } from '../../support/sqlite.js';

interface Variant {
  readonly name: string;
  readonly tables?: TableNames;
  connect(file: string): Kysely<DragonpayTables>;
  /** The case to leave out: with one handle, a query outside of the method's transaction would wait for the method. */
  readonly except?: string;
}

const odd: TableNames = { transactions: 'Payments', payouts: 'pay outs', callbacks: 'in"box' };

const open = (file: string) => new SqliteFileDialect({ open: () => openFile(file) });

const variants: readonly Variant[] = [
  { name: 'SqliteFileDialect', connect: (file) => new Kysely({ dialect: open(file) }) },
  {
    name: 'plugins and table names of one’s own',
    tables: odd,
    connect: (file) => new Kysely({ dialect: open(file), plugins: [new CamelCasePlugin()] }),
  },
  {
    name: 'Kysely’s own SqliteDialect',
    connect: (file) => new Kysely({ dialect: new SqliteDialect({ database: openFile(file) as never }) }),
    except: 'shows others the old row until the effect is committed (needs a second connection)',
  },
];

for (const { name, tables, connect, except } of variants) {
  (except === undefined || isForKysely ? describe : describe.skip)(`KyselyRepository on SQLite with ${name}`, () => {
    let database: SqliteTestDatabase;
    const opened: Kysely<DragonpayTables>[] = [];
    before(async () => {
      database = await createSqliteDatabase(tables);
      // Opens other handles of the file, as another process does.
      for (let count = except === undefined ? 2 : 1; count > 0; count--) opened.push(connect(database.file));
    });
    after(async () => {
      for (const db of opened) await db.destroy();
      await database?.destroy();
    });

    const options = { ...tables, dialect: sqliteDialect };
    const make = () => {
      const [db, other = db] = opened as [Kysely<DragonpayTables>];
      return {
        repository: new KyselyRepository(db, options),
        peers: [new KyselyRepository(other, options), new KyselyRepository(db, { ...options, batch: 1 })],
      };
    };
    for (const { name, run } of repositoryConformance(make)) if (name !== except) it(name, run);
  });
}
