import { lstatSync } from 'node:fs';

/** The prefix of folders for a database user who cannot access the project. */
export const sharedPlace = '/var/tmp/dragonpay-callback';

/** Throws unless the folder belongs to root or this user, because anyone can create files in /var/tmp. */
export function refuseForeign(path: string): void {
  const entry = lstatSync(path);
  if (entry.isDirectory() && [0, process.getuid?.()].includes(entry.uid)) return;
  throw new Error(`${path} belongs to another user: remove it`);
}

/** Ignores errors with this code, and throws all others. */
export function unless(code: string): (error: unknown) => void {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code !== code) throw error;
  };
}
