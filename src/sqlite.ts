/** Stores callbacks in a SQLite file, with the `KyselyRepository` of `dragonpay-callback/kysely`. */
export {
  SqliteFileDialect,
  type SqliteFileHandle,
  type SqliteFileOptions,
  type SqliteFileStatement,
} from './repository/kysely/sqlite/file-dialect.js';
export { sqliteDialect } from './repository/kysely/sqlite/sqlite.js';
export type { SqliteDragonpayTables } from './repository/kysely/sqlite/tables.js';
