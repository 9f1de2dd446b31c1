import { randomUUID } from 'node:crypto';
import { toVerified, type VerifiedCallback } from '../model/verified-callback.js';
import { type CallbackKind, idFields } from '../protocol/kinds.js';
import { withTwoDecimals } from '../protocol/read-amount.js';
import type { Status } from '../protocol/statuses.js';

/** Makes the callback of a correction: the row with the values of the merchant. The `@OnStatus` methods receive it. */
export function verifiedByHand(
  row: { kind: CallbackKind; id: string; refno: string; status: Status; amount: string; currency: string },
  { reason, by }: { readonly reason: string; readonly by: string },
  merchantId: string,
): VerifiedCallback {
  const { kind, id, refno, status, amount, currency } = row;
  const proof = { algorithm: 'manual', keyId: by } as const;
  return toVerified(
    { kind, [idFields[kind]]: id, refno, status, message: reason, amount: withTwoDecimals(amount), ccy: currency },
    { origin: 'correction', method: undefined, occasion: randomUUID(), raw: () => '', proof },
    'all',
    merchantId,
  );
}
