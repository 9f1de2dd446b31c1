import type { ProofAlgorithm } from '../../protocol/fields.js';
import type { CallbackKind } from '../../protocol/kinds.js';
import { type CallbackFields, type SigningKeys, signCallback, signedTextOf } from '../../protocol/sign-callback.js';
import type { MerchantAccount } from '../sandbox-options.js';
import type { KeyRing } from './key-ring.js';
import type { Misbehaviour } from './misbehaviour.js';
import type { OutgoingPostback } from './postback-sender.js';

/** The keys with which the sandbox signs: the secrets of the merchant, and its own RSA keys. */
interface Signer {
  readonly account: MerchantAccount;
  readonly keys: KeyRing;
}

/** Signs a callback with the proofs of the merchant's account, over the texts of its `wire`. */
export async function signPostback(
  { account, keys }: Signer,
  kind: CallbackKind,
  subject: string,
  truth: CallbackFields,
  { amount, revokedKey }: Misbehaviour,
): Promise<OutgoingPostback> {
  const { merchantId, secretKey, hmacKey, wire } = account;
  const proofs: readonly ProofAlgorithm[] = kind === 'payout' ? ['sha1'] : account.proofs;
  const fields = amount !== undefined && kind === 'payment' ? { ...truth, amount } : truth;
  const signingKeys: SigningKeys = {
    ...(proofs.includes('rsa') && { rsa: { privateKey: await (revokedKey ? keys.revoked() : keys.current()) } }),
    ...(proofs.includes('hmac') && { hmac: { key: hmacKey } }),
    ...(proofs.includes('sha1') && { sha1: { secretKey } }),
  };
  const signed = signCallback(fields, signingKeys, { merchantId, wire });
  const signedTexts = Object.fromEntries(proofs.map((proof) => [proof, signedTextOf(fields, proof, merchantId, wire)]));
  return { kind, subject, status: fields.status ?? '', fields: signed, signedTexts };
}
