import type { DragonpayTables } from '../tables.js';

/**
 * The tables of this package in a SQLite file: a time is a number of microseconds since 1970, and `reasons` is an array in
 * JSON. Merge them into the `Database` type of your `Kysely<Database>`.
 */
export type SqliteDragonpayTables = DragonpayTables<number, string>;
