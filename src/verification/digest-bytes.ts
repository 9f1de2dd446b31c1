import type { SignedText } from '../protocol/signed-text.js';

/** The bytes of the result of each hash. */
export const digestBytes: Readonly<Record<NonNullable<SignedText['hash']>, number>> = {
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
};
