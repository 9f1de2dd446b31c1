/** Primary result codes of SQLite by their names, because better-sqlite3 gives only names. */
const codes: Readonly<Record<string, number>> = {
  ERROR: 1,
  BUSY: 5,
  LOCKED: 6,
  TOOBIG: 18,
  CONSTRAINT: 19,
  MISMATCH: 20,
};

/** The primary result code of an error of a driver. 0 for another error, and for a code that is not in the table. */
export function resultCode(error: unknown): number {
  if (!(error instanceof Error)) return 0;
  // node:sqlite and libsql have the extended code as a number: its last byte is the primary one.
  for (const name of ['errcode', 'rawCode']) {
    const extended: unknown = Reflect.get(error, name);
    if (typeof extended === 'number') return extended & 0xff;
  }
  const [, name = ''] = /^SQLITE_([A-Z]+)/.exec('code' in error ? String(error.code) : '') ?? [];
  return codes[name] ?? 0;
}

/** Whether another connection had the write lock. */
export function isBusy(error: unknown): boolean {
  return [5, 6].includes(resultCode(error));
}

/**
 * The error after a wait for other transactions of this process that took too long. It looks like SQLite's own error.
 */
export function busyError(): Error {
  return Object.assign(new Error('database is locked: another transaction did not end in time'), {
    code: 'SQLITE_BUSY',
  });
}
