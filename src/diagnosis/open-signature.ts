import { constants, createHash, hash as digestOf, publicDecrypt } from 'node:crypto';
import type { SignedText } from '../protocol/signed-text.js';
import { digestBytes } from '../verification/digest-bytes.js';
import type { PublicKey } from '../verification/public-keys.js';
import { readProof } from '../verification/read-proof.js';

/** The hashes that are looked for. */
export type HashName = NonNullable<SignedText['hash']>;

/** The content of a signature, opened with a public key. */
export type OpenedSignature =
  | { readonly padding: 'pkcs1'; readonly keyId: string; readonly hash: HashName; readonly digest: Buffer }
  /** The hash cannot be read from the signature. `isSigned` tells whether it is the hash of a text. */
  | {
      readonly padding: 'pss';
      readonly keyId: string;
      isSigned(hash: HashName, digest: string): boolean;
      /** The hashes that fit: usually one, and by chance more. SHA-256 comes first if it fits: it needs no setting. */
      readonly hashes: readonly HashName[];
    }
  /** The key made the signature, but its content cannot be used. `problem` is the end of a sentence. */
  | { readonly padding: 'other'; readonly keyId: string; readonly problem: string };

/** The beginnings of a DigestInfo, which name the hash. The usual hash comes first. Source: RFC 8017, section 9.2. */
const digestInfos: Readonly<Record<HashName, string>> = {
  sha256: '3031300d060960864801650304020105000420',
  sha1: '3021300906052b0e03021a05000414',
  sha224: '302d300d06096086480165030402040500041c',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
};

const hashNames = Object.keys(digestInfos) as HashName[];

/**
 * Opens an RSA signature with the first key that made it. `undefined`: none of the keys made it, or it is not a
 * signature.
 */
export function openSignature(proof: string, keys: readonly PublicKey[]): OpenedSignature | undefined {
  for (const { key, keyId, signatureBytes } of keys) {
    const signature = readProof(proof, signatureBytes);
    if (signature === undefined) continue;
    let block: Buffer;
    try {
      block = publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
    } catch {
      continue;
    }
    const opened = readPkcs1(block, keyId) ?? readPss(block, keyId, key.asymmetricKeyDetails?.modulusLength ?? 0);
    if (opened !== undefined) return opened;
  }
  return undefined;
}

/** Reads a block of PKCS #1 v1.5: `00 01 FF … FF 00`, then the DigestInfo. */
function readPkcs1(block: Buffer, keyId: string): OpenedSignature | undefined {
  const [, info] = /^0001(?:ff){8,}00(.+)$/.exec(block.toString('hex')) ?? [];
  if (info === undefined) return undefined;
  for (const hash of hashNames) {
    if (info.startsWith(digestInfos[hash]) && info.length === digestInfos[hash].length + 2 * digestBytes[hash]) {
      return { padding: 'pkcs1', keyId, hash, digest: Buffer.from(info.slice(-2 * digestBytes[hash]), 'hex') };
    }
  }
  const problem = `with PKCS#1 v1.5 padding over ${info.length / 2} bytes that name none of the known hashes`;
  return { padding: 'other', keyId, problem };
}

/**
 * Reads a block of PSS, which ends with `BC`: the masked salt, and a hash of the signed hash and the salt (RFC 8017,
 * section 9.1).
 */
function readPss(block: Buffer, keyId: string, modulusBits: number): OpenedSignature | undefined {
  if (block.at(-1) !== 0xbc) return undefined;
  /**
   * By hash: the block that PSS hashes (eight zeros, room for the signed hash, and the salt), and the hash of this
   * block.
   */
  const found = new Map<HashName, { readonly whole: Buffer; readonly digest: string }>();
  for (const hash of hashNames) {
    const opened = unmask(block, modulusBits, hash, hash);
    if (opened === undefined) continue;
    const whole = Buffer.concat([Buffer.alloc(8 + digestBytes[hash]), opened.salt]);
    found.set(hash, { whole, digest: opened.digest.toString('hex') });
  }
  if (found.size === 0) return readMixedPss(block, keyId, modulusBits);
  return {
    padding: 'pss',
    keyId,
    hashes: [...found.keys()],
    isSigned(hash, signed) {
      const one = found.get(hash);
      if (one === undefined) return false;
      one.whole.write(signed, 8, 'hex');
      return digestOf(hash, one.whole) === one.digest;
    },
  };
}

/**
 * Reads a block of PSS whose mask is made with another hash, as Java does by default. Node cannot verify it with a
 * plain RSA key.
 */
function readMixedPss(block: Buffer, keyId: string, modulusBits: number): OpenedSignature | undefined {
  for (const hash of hashNames) {
    for (const maskHash of hashNames) {
      // Only these salts are in use: as long as the hash, or empty. Salts of other lengths would fit by chance.
      const salt = unmask(block, modulusBits, hash, maskHash)?.salt;
      if (salt?.length !== 0 && salt?.length !== digestBytes[hash]) continue;
      const problem = `with PSS padding over ${hash}, whose mask (MGF1) is made with ${maskHash}: no setting allows that`;
      return { padding: 'other', keyId, problem };
    }
  }
  return undefined;
}

/** The salt and the hash of a block of PSS, if the block was made with this hash and this mask. */
function unmask(block: Buffer, modulusBits: number, hash: HashName, maskHash: HashName) {
  const masked = block.subarray(0, -digestBytes[hash] - 1);
  const digest = block.subarray(masked.length, -1);
  const mask = generateMask(digest, masked.length, maskHash);
  const opened = Buffer.from(masked.map((byte, index) => byte ^ (mask[index] as number)));
  opened[0] = (opened[0] as number) & (0xff >> (8 * block.length - (modulusBits - 1)));
  const start = opened.findIndex((byte) => byte !== 0);
  return start < 0 || opened[start] !== 1 ? undefined : { salt: opened.subarray(start + 1), digest };
}

/** MGF1 with a hash. */
function generateMask(seed: Buffer, length: number, hash: HashName): Buffer {
  const parts: Buffer[] = [];
  for (let counter = 0; counter * digestBytes[hash] < length; counter++) {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(counter);
    parts.push(createHash(hash).update(seed).update(number).digest());
  }
  return Buffer.concat(parts).subarray(0, length);
}
