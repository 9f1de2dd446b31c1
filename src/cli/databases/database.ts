import type { Kysely } from 'kysely';
import type { RepositoryDialect } from '../../repository/kysely/dialect.js';
import type { TableKey, TableNames } from '../../repository/kysely/table-names.js';
import type { Check } from '../doctor/check.js';

/** The work of the commands with one kind of database. */
export interface CliDatabase {
  readonly dialect: RepositoryDialect;
  /** Opens a Kysely with at most this many connections. Its `destroy` closes everything. */
  open(url: string, connections: number): Promise<Kysely<unknown>>;
  /** Connects to examine the database. Changes nothing. */
  inspect(url: string): Promise<DatabaseInspector>;
}

/** Reads a database for `doctor`. */
export interface DatabaseInspector {
  /** Checks everything except the tables: version, clock, isolation, durability. */
  checkServer(): Promise<Check[]>;
  /** The tables of this package that exist. */
  readTables(names: TableNames): Promise<FoundTables>;
  /** The names of the migrations in the table of a Migrator. `undefined`: this table does not exist. */
  readMigrations(table: string, names: TableNames): Promise<readonly string[] | undefined>;
  close(): Promise<void>;
}

/** A table as it was found. */
export interface FoundTable {
  readonly columns: readonly string[];
  /** The columns of the primary key, in alphabetical order. */
  readonly primaryKey: readonly string[];
  /** The names of the valid indexes. */
  readonly indexes: readonly string[];
  readonly mayWrite: boolean;
}

export type FoundTables = ReadonlyMap<TableKey, FoundTable>;
