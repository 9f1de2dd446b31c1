import { execFileSync } from 'node:child_process';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Proofs made by the `openssl` command, so that what the tests expect does not come from the code under test.
 * A text is hashed as UTF-8; for other bytes give a Buffer.
 */

function openssl(args: readonly string[], input: string | Buffer = ''): Buffer {
  return execFileSync('openssl', args, { input, stdio: ['pipe', 'pipe', 'ignore'] });
}

function hexOf(output: Buffer): string {
  // Versions of openssl word this line in different ways, such as `SHA1(stdin)= 2df7...`.
  return output.toString('latin1').trim().split(' ').at(-1) ?? '';
}

/** SHA-1 in lower-case hex. */
export function opensslSha1(text: string | Buffer): string {
  return hexOf(openssl(['dgst', '-sha1'], text));
}

/** HMAC-SHA256 in lower-case hex. */
export function opensslHmac(key: string | Buffer, text: string | Buffer): string {
  const hexKey = Buffer.from(key as string).toString('hex');
  return hexOf(openssl(['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `hexkey:${hexKey}`], text));
}

/** A pair of keys that `openssl` made. */
export interface OpensslKeyPair {
  readonly privateKeyFile: string;
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
  /** Base64 of the DER SubjectPublicKeyInfo, as the gateway's keys endpoint has it. */
  readonly publicKeyDer: string;
  /** The first 16 hex digits of the SHA-256 of that DER. */
  readonly keyId: string;
}

let folder: string | undefined;

/** A file in a folder that is deleted when the process ends. */
function keyFile(name: string): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'dragonpay-callback-keys-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return join(folder, name);
}

/** Makes an RSA key. */
export function opensslRsaKey(bits = 2048): OpensslKeyPair {
  return keyPair(openssl(['genrsa', String(bits)]));
}

/** A public key whose modulus is any number of this many bits. It has the right form, but no private key. */
export function numberAsKey(bits: number, { exponent = 65_537, isOdd = true } = {}): KeyObject {
  const modulus = (1n << BigInt(bits)) - (isOdd ? 1n : 2n);
  const base64url = (value: bigint | number) => {
    const hex = value.toString(16);
    return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
  };
  return createPublicKey({ key: { kty: 'RSA', n: base64url(modulus), e: base64url(exponent) }, format: 'jwk' });
}

/** Makes a key of an elliptic curve. No callback is signed with such a key. */
export function opensslEcKey(): OpensslKeyPair {
  return keyPair(openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout']));
}

let count = 0;

function keyPair(privateKey: Buffer): OpensslKeyPair {
  const privateKeyFile = keyFile(`${count++}.pem`);
  writeFileSync(privateKeyFile, privateKey, { mode: 0o600 });
  const der = openssl(['pkey', '-in', privateKeyFile, '-pubout', '-outform', 'DER']);
  return {
    privateKeyFile,
    privateKeyPem: privateKey.toString('latin1'),
    publicKeyPem: openssl(['pkey', '-in', privateKeyFile, '-pubout']).toString('latin1'),
    publicKeyDer: der.toString('base64'),
    keyId: hexOf(openssl(['dgst', '-sha256'], der)).slice(0, 16),
  };
}

/** RSA-SHA256 with PKCS#1 v1.5 padding, in base64. */
export function opensslSign({ privateKeyFile }: OpensslKeyPair, text: string | Buffer): string {
  return openssl(['dgst', '-sha256', '-sign', privateKeyFile], text).toString('base64');
}

/** The ways in which the gateway of a test signs differently from Dragonpay. */
export interface SignWith {
  readonly hash?: 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512' | 'md5';
  readonly padding?: 'pss';
  /** The hash of the mask of PSS. */
  readonly mask?: 'sha1';
}

/** An RSA signature with any hash and padding. */
export function opensslSignWith(
  { privateKeyFile }: OpensslKeyPair,
  text: Buffer,
  { hash, padding, mask }: SignWith,
): Buffer {
  const options = padding === 'pss' ? ['-sigopt', 'rsa_padding_mode:pss'] : [];
  if (mask !== undefined) options.push('-sigopt', 'rsa_pss_saltlen:digest', '-sigopt', `rsa_mgf1_md:${mask}`);
  return openssl(['dgst', `-${hash ?? 'sha256'}`, ...options, '-sign', privateKeyFile], text);
}

/** An HMAC with any hash. */
export function opensslMac(key: string, text: Buffer, hash: string): Buffer {
  const hexKey = Buffer.from(key).toString('hex');
  return Buffer.from(hexOf(openssl(['dgst', `-${hash}`, '-mac', 'HMAC', '-macopt', `hexkey:${hexKey}`], text)), 'hex');
}

/** A digest with any hash. */
export function opensslDigest(text: Buffer, hash: string): Buffer {
  return Buffer.from(hexOf(openssl(['dgst', `-${hash}`], text)), 'hex');
}
