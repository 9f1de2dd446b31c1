import { createHash, createPublicKey, KeyObject } from 'node:crypto';
import { mismatch, type ProofChecked } from './proof-verifier.js';

/** An RSA key that Dragonpay signs with. */
export interface PublicKey {
  readonly key: KeyObject;
  /** The first 16 hex digits of the SHA-256 of the SubjectPublicKeyInfo. */
  readonly keyId: string;
  /** The length of its signatures, in bytes. */
  readonly signatureBytes: number;
}

/** The public keys of this process, as they are now. */
export interface PublicKeysStatus {
  /** Whether these keys can verify a proof now: they come from the settings, or were fetched less than a day ago. */
  readonly usable: boolean;
  /**
   * Whether the keys come from the settings, or were fetched less than an hour ago. If not, the next callback fetches
   * them.
   */
  readonly fresh: boolean;
  /** Why the last fetch failed. `undefined` if it succeeded, and if there was none. */
  readonly problem: string | undefined;
}

/** A source of public keys. */
export interface PublicKeySource {
  /** Finds the first key that a predicate holds for, and asks for newer keys if there is none. Never rejects. */
  firstThatVerifies(holds: (key: PublicKey) => boolean): ProofChecked | Promise<ProofChecked>;
  /** Resolves when no fetch is in flight. */
  settled(): Promise<void>;
  status(): PublicKeysStatus;
}

/** The form of a public key in the settings: PEM, base64 of a DER SubjectPublicKeyInfo, or a KeyObject. */
export type PublicKeyInput = string | KeyObject;

/**
 * Reads one public key: RSA, 2048 to 8192 bits, with an odd exponent of 3 or more and at most 64 bits.
 * @throws an Error without the key. Its message completes a sentence: "must be an RSA public key".
 */
export function readPublicKey(input: PublicKeyInput): PublicKey {
  const key = toKeyObject(input);
  if (key.type !== 'public' || key.asymmetricKeyType !== 'rsa') throw new Error('must be an RSA public key');
  const { modulusLength: bits = 0, publicExponent: exponent = 0n } = key.asymmetricKeyDetails ?? {};
  // With an exponent of 1, every message is its own signature. With a longer one, OpenSSL verifies nothing if the key has
  // more than 3072 bits, and takes up to 22 ms for each proof if not.
  if (exponent < 3n || exponent % 2n === 0n || exponent >> 64n > 0n)
    throw new Error('must be an RSA key with an odd exponent of 3 or more, of at most 64 bits');
  if (bits < 2048 || bits > 8192) throw new Error(`must be an RSA key of 2048 to 8192 bits, not of ${bits}`);
  const modulus = Buffer.from(key.export({ format: 'jwk' }).n as string, 'base64url');
  if ((modulus.at(-1) ?? 0) % 2 === 0) throw new Error('must be an RSA key with an odd modulus');
  const fingerprint = createHash('sha256').update(key.export({ type: 'spki', format: 'der' }));
  return { key, keyId: fingerprint.digest('hex').slice(0, 16), signatureBytes: Math.ceil(bits / 8) };
}

function toKeyObject(input: PublicKeyInput): KeyObject {
  if (input instanceof KeyObject) return input;
  let key: KeyObject | undefined;
  let isOne = true;
  try {
    const text = input.trim();
    if (text.startsWith('-----BEGIN')) {
      if (!text.includes('PRIVATE KEY')) key = createPublicKey(withLineBreaks(text));
      isOne = text.lastIndexOf('-----BEGIN') === 0;
    } else if (/^[A-Za-z0-9+/_\s-]+={0,2}$/.test(text)) {
      const der = Buffer.from(text, 'base64');
      key = createPublicKey({ key: der, format: 'der', type: 'spki' });
      isOne = der.length <= key.export({ type: 'spki', format: 'der' }).length;
    }
  } catch {
    // The error of the platform may quote the key.
  }
  if (key === undefined) throw new Error('must be a public key in PEM or base64 DER (SubjectPublicKeyInfo)');
  // OpenSSL ignores what follows the first key: callbacks that another key signs would be refused.
  if (!isOne) throw new Error('must hold one public key; give each key as an item of its own');
  return key;
}

/** A PEM whose line breaks were escaped, or became spaces: in variables, and in JSON that was written by hand. */
function withLineBreaks(pem: string): string {
  const block = /(-----BEGIN [A-Z ]+-----)(.*?)(-----END [A-Z ]+-----)/s;
  return pem.replace(block, (_, begin: string, body: string, end: string) => {
    const lines = body.replace(/\\[rn]|\s/g, '').replace(/.{1,64}/g, '$&\n');
    return `${begin}\n${lines}${end}\n`;
  });
}

/** The keys of the settings. */
export function givenKeys(keys: readonly PublicKey[]): PublicKeySource {
  return {
    firstThatVerifies: (holds) => {
      const found = keys.find(holds);
      return found === undefined ? mismatch : { ok: true, keyId: found.keyId };
    },
    settled: async () => {},
    status: () => ({ usable: true, fresh: true, problem: undefined }),
  };
}
