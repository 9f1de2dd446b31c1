import type { DragonpayTables } from '../tables.js';

/**
 * The tables of this package, as mysql2 reads them: a time is a `Date` if the pool has `timezone: 'Z'`, and `reasons` is a
 * text with commas. Merge them into the `Database` type of your `Kysely<Database>`.
 */
export type MysqlDragonpayTables = DragonpayTables<Date, string>;
