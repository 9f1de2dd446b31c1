import type { SignedField } from '../../src/protocol/fields.js';
import type { DragonpaySettings } from '../../src/settings/settings.js';
import { judge, policyOf, wordFor } from './judge.js';
import { type OpensslKeyPair, opensslHmac, opensslRsaKey, opensslSha1, opensslSign } from './openssl.js';

export type Fields = Readonly<Record<string, string>>;
export type Algorithm = 'rsa' | 'hmac' | 'sha1';

export const algorithms = ['rsa', 'hmac', 'sha1'] as const;

/** The orders of the protocol. They are repeated here, because the orders in the code are under test. */
export const orders: Readonly<Record<Algorithm | 'payout', readonly SignedField[]>> = {
  rsa: ['txnid', 'refno', 'status', 'message', 'merchantid', 'param1', 'param2', 'amount'],
  hmac: ['txnid', 'refno', 'status', 'message', 'amount'],
  sha1: ['txnid', 'refno', 'status', 'message'],
  payout: ['merchantTxnId', 'refno', 'status', 'message'],
};

export const hmacKey = 'hmac secret';
export const secretKey = 'secret key';
export const payoutKey = 'payout key';

export const payment = {
  txnid: 'T-1',
  refno: 'ABCD1234',
  status: 'S',
  message: '[000] BPI Reference No: 20251210 #ABCD1234',
  merchantid: 'ACME',
  param1: 'p1',
  param2: '',
  amount: '100.00',
};
export const hints = { ccy: 'php', procid: 'BPI', settledate: '2025-12-10' };
export const texts: Readonly<Record<Algorithm, string>> = {
  rsa: 'T-1:ABCD1234:S:[000] BPI Reference No: 20251210 #ABCD1234:ACME:p1::100.00',
  hmac: 'T-1:ABCD1234:S:[000] BPI Reference No: 20251210 #ABCD1234:100.00',
  sha1: 'T-1:ABCD1234:S:[000] BPI Reference No: 20251210 #ABCD1234',
};
export const payout = { merchantTxnId: 'O-1', refNo: 'WXYZ9876', status: 'S', message: '[000] Sent: ok' };
export const payoutText = 'O-1:WXYZ9876:S:[000] Sent: ok';

let key: OpensslKeyPair | undefined;

/** The key that signs RSA proofs here: made once. */
export function merchantKey(): OpensslKeyPair {
  key ??= opensslRsaKey();
  return key;
}

/** Settings that accept these kinds of proofs, and payouts. */
export function accepting(...accepted: readonly Algorithm[]): Partial<DragonpaySettings> {
  const weaker = accepted.some((algorithm) => algorithm !== 'rsa');
  return {
    verification: {
      ...(accepted.includes('rsa') && { rsa: { publicKeys: [merchantKey().publicKeyDer] } }),
      ...(accepted.includes('hmac') && { hmac: { keys: [hmacKey] } }),
      ...(accepted.includes('sha1') && { sha1: { secretKeys: [secretKey] } }),
      ...(accepted.includes('rsa') && weaker && { transition: true }),
    },
    payout: { sha1: { secretKeys: [payoutKey] } },
  };
}

/** The proof of a text, by openssl, under the name of its field. */
export function prove(algorithm: Algorithm | 'payout', text: string | Buffer): Record<string, string> {
  const withKey = (secret: string) => Buffer.concat([Buffer.from(text as string), Buffer.from(`:${secret}`)]);
  switch (algorithm) {
    case 'rsa':
      return { signatures: opensslSign(merchantKey(), text) };
    case 'hmac':
      return { signature: opensslHmac(hmacKey, text).toUpperCase() };
    case 'sha1':
      return { digest: opensslSha1(withKey(secretKey)) };
    case 'payout':
      return { digest: opensslSha1(withKey(payoutKey)) };
  }
}
/** The verdict on these fields, in one word. */
export async function word(fields: Fields, settings: Partial<DragonpaySettings>): Promise<string> {
  return wordFor(await judge(fields, policyOf(settings)));
}

/** The verified callback. Throws if the verification fails. */
export async function verified(fields: Fields, settings: Partial<DragonpaySettings>) {
  const verdict = await judge(fields, policyOf(settings));
  if (!verdict.ok) throw new Error(`not verified: ${wordFor(verdict)}`);
  return verdict.callback;
}
