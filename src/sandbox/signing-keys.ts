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
  #current: SigningKey;
  #previous: readonly SigningKey[] = [];

  private constructor(current: SigningKey) {
    this.#current = current;
  }

  static async make(): Promise<SigningKeys> {
    return new SigningKeys(await newKey('Active'));
  }

  /** Every key, the one that signs first. */
  list(): readonly ListedKey[] {
    return [this.#current, ...this.#previous].map(({ value, status }) => ({ value, status }));
  }

  /** The private key that signs. */
  get current(): KeyObject {
    return this.#current.privateKey;
  }

  /** A new key signs from now on; the one before becomes what is asked. */
  async rotate(previous: KeyStatus): Promise<void> {
    const next = await newKey('Active');
    this.#previous = [{ ...this.#current, status: previous }, ...this.#previous];
    this.#current = next;
  }

  /** A private key that is listed as Revoked: the last one that was, or one made for this. */
  async revoked(): Promise<KeyObject> {
    const known = this.#previous.find(({ status }) => status === 'Revoked');
    if (known !== undefined) return known.privateKey;
    const made = await newKey('Revoked');
    this.#previous = [...this.#previous, made];
    return made.privateKey;
  }
}

async function newKey(status: KeyStatus): Promise<SigningKey> {
  const { publicKey, privateKey } = await generate('rsa', { modulusLength: 2048 });
  return { value: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'), status, privateKey };
}
