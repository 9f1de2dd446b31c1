/** Stores callbacks in a SQLite file, with the `KyselyRepository` of `dragonpay-callback/kysely`. */
export type { SqliteFileOptions } from './repository/kysely/sqlite/file.js';
export { SqliteFileDialect } from './repository/kysely/sqlite/file-dialect.js';
export type { SqliteFileHandle, SqliteFileStatement } from './repository/kysely/sqlite/file-handle.js';
export { sqliteDialect } from './repository/kysely/sqlite/sqlite.js';
export type { SqliteDragonpayTables } from './repository/kysely/sqlite/tables.js';
