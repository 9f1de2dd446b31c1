import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { VerifiedCallback } from '../model/verified-callback.js';
import type { ProofAlgorithm } from '../protocol/fields.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { type CallbackFields, encodeCallback, type SigningKeys, signCallback } from '../protocol/sign-callback.js';
import { checkFields } from '../reading/check-fields.js';
import { readFields } from '../reading/read-fields.js';
import { resolveSettings } from '../settings/resolve-settings.js';
import type { DragonpaySettings } from '../settings/settings.js';
import { verifyCallback } from '../verification/verify-callback.js';

/** Options of {@link verifySigned}. */
export interface Delivery {
  /** Default: `POST`. */
  readonly method?: 'GET' | 'POST';
  /** The proof that the callback carries. Default: `sha1`, which covers the fewest fields. */
  readonly proof?: ProofAlgorithm;
  /** Changes the fields between signing and sending, as a forger might. */
  readonly onTheWay?: (signed: CallbackFields) => CallbackFields;
}

const merchantId = 'CONFORMANCE';
const secret = 'conformance secret';
const kinds: ReadonlySet<CallbackKind> = new Set(['payment', 'payout']);

/**
 * Signs fields, then reads, checks and verifies them like a real callback. There is no other way to make a
 * {@link VerifiedCallback}. Rejects if one of these steps refuses them.
 */
export async function verifySigned(
  fields: CallbackFields,
  { method = 'POST', proof = 'sha1', onTheWay = (signed) => signed }: Delivery = {},
): Promise<VerifiedCallback> {
  const { keys, verification } = accepting(proof);
  const { policy, limits } = resolveSettings({
    merchantId,
    environment: 'test',
    verification,
    payout: { sha1: { secretKeys: [secret] }, sharedSecret: true },
  });
  const form = encodeCallback(onTheWay(signCallback(fields, keys, { merchantId })));
  const read = await readFields(
    {
      method,
      target: method === 'GET' ? `/?${form}` : '/',
      header: (name) => (name === 'content-type' ? 'application/x-www-form-urlencoded' : undefined),
      body: () => ({ kind: 'text', text: form }),
      native: undefined,
    },
    limits,
  );
  if (!read.ok) throw new Error(`the callback cannot be read: ${read.code}`);
  const checked = checkFields(read, kinds);
  if (!checked.ok) throw new Error(`the callback is malformed: ${checked.issues[0]?.message}`);
  // The callback is meant for a repository, so it needs a fingerprint, although these settings have no repository.
  const received = { method, raw: read.raw };
  const verdict = await verifyCallback(checked.callback, received, { ...policy, isStored: true });
  if (!verdict.ok) throw new Error('the callback does not verify');
  return verdict.callback;
}

let rsaKeys: { publicKey: KeyObject; privateKey: KeyObject } | undefined;

function accepting(proof: ProofAlgorithm): {
  keys: SigningKeys;
  verification: NonNullable<DragonpaySettings['verification']>;
} {
  switch (proof) {
    case 'sha1':
      return { keys: { sha1: { secretKey: secret } }, verification: { sha1: { secretKeys: [secret] } } };
    case 'hmac':
      return { keys: { hmac: { key: secret } }, verification: { hmac: { keys: [secret] } } };
    case 'rsa': {
      rsaKeys ??= generateKeyPairSync('rsa', { modulusLength: 2048 });
      const { publicKey, privateKey } = rsaKeys;
      return { keys: { rsa: { privateKey } }, verification: { rsa: { publicKeys: [publicKey] } } };
    }
  }
}
