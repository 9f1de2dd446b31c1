import { lstatSync } from 'node:fs';

/** Where a user who cannot get to the project finds what it needs. */
export const sharedPlace = '/var/tmp/dragonpay-callback';

/** Anybody may create a name in /var/tmp: nothing planted there is used. */
export function refuseForeign(path: string): void {
  const entry = lstatSync(path);
  if (entry.isDirectory() && [0, process.getuid?.()].includes(entry.uid)) return;
  throw new Error(`${path} belongs to another user: remove it`);
}

/** Lets one error code pass, and throws what is any other. */
export function unless(code: string): (error: unknown) => void {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code !== code) throw error;
  };
}
