import { randomUUID } from 'node:crypto';
import { toVerified, type VerifiedCallback } from '../model/verified-callback.js';
import { withTwoDecimals } from '../protocol/field-shapes.js';
import type { CallbackKind } from '../protocol/kinds.js';
import type { Status } from '../protocol/statuses.js';

/** What a correction tells the `@OnStatus` methods: the row as it is to stand. The merchant vouches for it. */
export function verifiedByHand(
  row: { kind: CallbackKind; id: string; refno: string; status: Status; amount: string; currency: string },
  { reason, by }: { readonly reason: string; readonly by: string },
  merchantId: string,
): VerifiedCallback {
  const { kind, id, refno, status, amount, currency } = row;
  const ids = kind === 'payment' ? { txnid: id } : { merchantTxnId: id };
  const proof = { algorithm: 'manual', keyId: by } as const;
  return toVerified(
    { kind, ...ids, refno, status, message: reason, amount: withTwoDecimals(amount), ccy: currency },
    { origin: 'correction', method: undefined, occasion: randomUUID(), raw: () => '', proof },
    'all',
    merchantId,
  );
}
