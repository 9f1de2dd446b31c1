import { createHmac, hash as digestOf } from 'node:crypto';
import { encodeText } from '../protocol/signed-text.js';
import { digestBytes } from '../verification/digest-bytes.js';
import { readProof } from '../verification/read-proof.js';
import { withKey } from '../verification/sha1-digest.js';
import type { HashName, OpenedSignature } from './open-signature.js';
import type { FormVariants, TextForm } from './text-forms.js';

/** Finds out whether a proof is of a text. */
export interface ProofMatcher {
  /** The parts of a form that only this kind of proof has. */
  readonly variants: FormVariants;
  /** The parts that are known before any text is tried. */
  readonly known: TextForm;
  /** The key that made the proof of this text, if one did. */
  match(text: string, form: TextForm): string | undefined;
}

const hashNames = Object.keys(digestBytes) as HashName[];

/** Compares hashes of texts with the hash in an opened signature. */
export function rsaMatcher(opened: OpenedSignature): ProofMatcher {
  if (opened.padding === 'pkcs1') {
    const { hash, keyId } = opened;
    const digest = opened.digest.toString('hex');
    return {
      variants: {},
      known: hash === 'sha256' ? {} : { hash },
      match: (text, form) => (digestOf(hash, bytesOf(text, form)) === digest ? keyId : undefined),
    };
  }
  return {
    variants: { hash: hashNames.filter((hash) => hash !== 'sha256') },
    known: { padding: 'pss' },
    match(text, form) {
      const hash = form.hash ?? 'sha256';
      return opened.isSigned(hash, digestOf(hash, bytesOf(text, form), 'buffer')) ? opened.keyId : undefined;
    },
  };
}

/** Computes the HMAC of texts with each key. `undefined`: the proof has no length of an HMAC. */
export function hmacMatcher(proof: string, keys: readonly string[]): ProofMatcher | undefined {
  const found = findHash(proof);
  if (found === undefined) return undefined;
  const { hash, hex } = found;
  return {
    variants: { keyEncoding: ['hex', 'base64'] },
    known: hash === 'sha256' ? {} : { hash },
    match(text, form) {
      const index = keys.findIndex(
        (key) =>
          createHmac(hash, Buffer.from(key, form.keyEncoding ?? 'utf8'))
            .update(bytesOf(text, form))
            .digest('hex') === hex,
      );
      return index < 0 ? undefined : `keys[${index}]`;
    },
  };
}

/** Computes the digest of texts with each secret key. `undefined`: the proof has no length of a digest. */
export function digestMatcher(proof: string, secretKeys: readonly string[]): ProofMatcher | undefined {
  const found = findHash(proof);
  if (found === undefined) return undefined;
  const { hash, hex } = found;
  return {
    variants: { key: ['in-front'], keyEncoding: ['hex', 'base64'] },
    known: hash === 'sha1' ? {} : { hash },
    match(text, form) {
      const reading = { ...form, fields: [], encodings: [] };
      const index = secretKeys.findIndex(
        (key) => digestOf(hash, withKey(text, key, reading, form.encoding ?? 'utf8')) === hex,
      );
      return index < 0 ? undefined : `secretKeys[${index}]`;
    },
  };
}

function bytesOf(text: string, { encoding = 'utf8' }: TextForm): string | Buffer {
  return encoding === 'utf8' ? text : encodeText(text, encoding);
}

function findHash(proof: string): { readonly hash: HashName; readonly hex: string } | undefined {
  for (const hash of hashNames) {
    const bytes = readProof(proof, digestBytes[hash]);
    if (bytes !== undefined) return { hash, hex: bytes.toString('hex') };
  }
  return undefined;
}
