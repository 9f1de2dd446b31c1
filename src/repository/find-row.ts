import type { PaymentRow, PayoutRow } from '../model/rows.js';
import type { CallbackKind } from '../protocol/kinds.js';
import type { CallbackRepository } from './callback-repository.js';

/** Looks up a payment or a payout by its id, through `trx` as that transaction sees it. */
export function findRow<Trx>(
  repository: CallbackRepository<Trx>,
  kind: CallbackKind,
  id: string,
  options: { readonly trx?: Trx } = {},
): Promise<PaymentRow | PayoutRow | undefined> {
  return kind === 'payment' ? repository.findPayment(id, options) : repository.findPayout(id, options);
}
