/** A payment is money that comes in (Dragonpay: collection), a payout money that goes out. */
export type CallbackKind = 'payment' | 'payout';

/** Every kind of callback. */
export const callbackKinds: readonly CallbackKind[] = ['payment', 'payout'];

/** The field that identifies a payment or a payout, by its name on the wire. */
export const idFields = { payment: 'txnid', payout: 'merchantTxnId' } as const satisfies Record<CallbackKind, string>;
