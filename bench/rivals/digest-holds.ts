import { hash, timingSafeEqual } from 'node:crypto';

/** The SHA-1 check written by hand: one-shot hash, compared in constant time. */
export function digestHolds(
  { txnid, refno, status, message, digest }: Readonly<Record<string, unknown>>,
  secretKey: string,
): boolean {
  if (typeof digest !== 'string' || digest.length !== 40) return false;
  const expected = hash('sha1', `${txnid}:${refno}:${status}:${message}:${secretKey}`, 'buffer');
  const given = Buffer.from(digest, 'hex');
  return given.length === expected.length && timingSafeEqual(expected, given);
}
