import { CommandFailure } from '../report.js';
import type { CliDatabase } from './database.js';

const mysql = async () => (await import('./mysql.js')).mysqlDatabase;
const postgres = async () => (await import('./postgres.js')).postgresDatabase;
const sqlite = async () => (await import('./sqlite.js')).sqliteDatabase;

/** The databases by the scheme of their URLs. To add one, add its schemes here, and a file beside this one. */
const databases: Readonly<Record<string, () => Promise<CliDatabase>>> = {
  postgres,
  postgresql: postgres,
  sqlite,
  file: sqlite,
  mysql,
  mariadb: mysql,
};

/**
 * Finds the database of a URL. A path without a scheme is a socket of PostgreSQL.
 * @throws CommandFailure for a scheme that is missing or not known. The message does not contain the URL
 */
export async function databaseOf(url: string): Promise<CliDatabase> {
  const scheme = /^\s*([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? (url.startsWith('/') ? 'postgres' : '');
  const load = databases[scheme];
  if (load === undefined) {
    const known = Object.keys(databases).map((name) => `${name}:`);
    throw new CommandFailure(`the URL of the database must begin with ${known.join(', ')}`);
  }
  return load();
}
