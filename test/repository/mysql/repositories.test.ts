import { CamelCasePlugin, Kysely, type KyselyPlugin, MysqlDialect } from 'kysely';
import mysql, { type PoolOptions } from 'mysql2';
import { type DragonpayTables, KyselyRepository, type TableNames } from '../../../src/kysely.js';
import { mysqlDialect } from '../../../src/mysql.js';
import { repositoryConformance } from '../../../src/testing.js';
import {
  createMysqlDatabase,
  describeOnMariadb,
  type MysqlTestDatabase,
  mysqlPool,
} from '../../support/mysql-database.js';

interface Variant {
  readonly name: string;
  readonly tables?: TableNames;
  connect(url: string): Kysely<DragonpayTables>;
}

function kysely(pool: mysql.Pool, plugins: KyselyPlugin[] = []): Kysely<DragonpayTables> {
  return new Kysely({ dialect: new MysqlDialect({ pool }), plugins });
}

const odd: TableNames = { schema: 'Shop `1`', transactions: 'Payments', payouts: 'pay outs', callbacks: 'in`box' };

/** Settings that change the values of rows. */
const oddValues: PoolOptions = { decimalNumbers: true, dateStrings: true, supportBigNumbers: true, timezone: '+08:00' };

const variants: readonly Variant[] = [
  { name: 'READ COMMITTED', connect: (url) => kysely(mysqlPool(url)) },
  { name: 'the isolation of the server', connect: (url) => kysely(mysql.createPool(url)) },
  {
    name: 'plugins and table names of one’s own',
    tables: odd,
    connect: (url) => kysely(mysqlPool(url), [new CamelCasePlugin()]),
  },
  { name: 'a pool that answers with numbers and texts', connect: (url) => kysely(mysqlPool(url, oddValues)) },
];

for (const { name, tables, connect } of variants) {
  describeOnMariadb(`KyselyRepository on MariaDB with ${name}`, () => {
    let database: MysqlTestDatabase;
    let db: Kysely<DragonpayTables>;

    before(async function () {
      this.timeout(30_000);
      database = await createMysqlDatabase(tables);
      db = connect(database.url);
    });

    after(async () => {
      await db?.destroy();
      await database?.destroy();
    });

    const options = { ...tables, dialect: mysqlDialect };
    const make = () => ({
      repository: new KyselyRepository(db, options),
      // Callbacks that reach one repository together wait for each other; those of several meet in the database.
      peers: [new KyselyRepository(db, options), new KyselyRepository(db, { ...options, batch: 1 })],
    });
    for (const { name, run } of repositoryConformance(make)) it(name, run);
  });
}
