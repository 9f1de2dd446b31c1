import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/** Whether signatures of a key are still accepted. */
export type KeyStatus = 'Active' | 'Revoked';

/** A key as listed by the keys endpoint. */
export interface ListedKey {
  /** Base64 of the DER SubjectPublicKeyInfo. */
  readonly value: string;
  readonly status: KeyStatus;
}

interface SigningKey extends ListedKey {
  readonly privateKey: KeyObject;
}

const generate = promisify(generateKeyPair);

/** The RSA keys of the sandbox: the one that signs, and earlier ones that are listed as Active or Revoked. */
export class KeyRing {
  /** Generated on first use, because that takes a while. */
  #current: Promise<SigningKey> | undefined;
  #previous: readonly SigningKey[] = [];

  /** All keys. The first one signs. */
  async list(): Promise<readonly ListedKey[]> {
    return [await this.#signing(), ...this.#previous].map(({ value, status }) => ({ value, status }));
  }

  /** The private key that signs callbacks. */
  async current(): Promise<KeyObject> {
    return (await this.#signing()).privateKey;
  }

  /** Generates a new signing key, and gives the previous one this status. */
  async rotate(previous: KeyStatus): Promise<void> {
    const before = await this.#signing();
    this.#current = newKey('Active');
    this.#previous = [{ ...before, status: previous }, ...this.#previous];
    await this.#current;
  }

  /** A private key that is listed as Revoked. Generates one if there is none. */
  async revoked(): Promise<KeyObject> {
    const known = this.#previous.find(({ status }) => status === 'Revoked');
    if (known !== undefined) return known.privateKey;
    const made = await newKey('Revoked');
    this.#previous = [...this.#previous, made];
    return made.privateKey;
  }

  #signing(): Promise<SigningKey> {
    this.#current ??= newKey('Active');
    return this.#current;
  }
}

async function newKey(status: KeyStatus): Promise<SigningKey> {
  const { publicKey, privateKey } = await generate('rsa', { modulusLength: 2048 });
  return { value: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'), status, privateKey };
}
