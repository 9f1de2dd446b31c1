import { spawnSync } from 'node:child_process';

/** The system user of PostgreSQL; `undefined` for the user of this process. */
export type DatabaseUser = { readonly uid: number; readonly gid: number } | undefined;

/** Finds or creates the system user `postgres` if this process is root, because PostgreSQL refuses to run as root. */
export function databaseUser(): DatabaseUser {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout || Number.NaN);
  if (Number.isNaN(id('-u'))) spawnSync('useradd', ['--system', '--no-create-home', '--user-group', 'postgres']);
  const user = { uid: id('-u'), gid: id('-g') };
  if (Number.isNaN(user.uid)) throw new Error('PostgreSQL cannot run as root, and no user postgres could be created');
  return user;
}
