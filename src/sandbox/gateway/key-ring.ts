import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/** Whether signatures of a key are still to be believed. */
export type KeyStatus = 'Active' | 'Revoked';

/** A key as the keys endpoint lists it. */
export interface ListedKey {
  /** Base64 of the DER SubjectPublicKeyInfo. */
  readonly value: string;
  readonly status: KeyStatus;
}

interface SigningKey extends ListedKey {
  readonly privateKey: KeyObject;
}

const generate = promisify(generateKeyPair);

/** The RSA keys of the sandbox: one signs, those before it are listed as Active or Revoked. */
export class SigningKeys {
  /** Made when it is first asked for: it takes a while. */
  #current: Promise<SigningKey> | undefined;
  #previous: readonly SigningKey[] = [];

  /** Every key, the one that signs first. */
  async list(): Promise<readonly ListedKey[]> {
    return [await this.#signing(), ...this.#previous].map(({ value, status }) => ({ value, status }));
  }

  /** The private key that signs. */
  async current(): Promise<KeyObject> {
    return (await this.#signing()).privateKey;
  }

  /** A new key signs from now on; the one before becomes what is asked. */
  async rotate(previous: KeyStatus): Promise<void> {
    const before = await this.#signing();
    this.#current = newKey('Active');
    this.#previous = [{ ...before, status: previous }, ...this.#previous];
    await this.#current;
  }

  /** A private key that is listed as Revoked: the last one that was, or one made for this. */
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
