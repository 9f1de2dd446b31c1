import type { SignedText } from '../protocol/signed-text.js';

const writtenIn = { hex: /^(?:[0-9a-f]{2})+$/i, base64: /^[\w+/-]{2,}={0,2}$/ } as const;

/**
 * Whether a secret key is written in an encoding. Reading it in another encoding would lose some or all of its bytes.
 */
export function isWrittenIn(encoding: NonNullable<SignedText['keyEncoding']>, key: string): boolean {
  return encoding === 'utf8' || writtenIn[encoding].test(key);
}
