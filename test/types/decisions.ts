import { decideUpdate, type PaymentRow, type PayoutRow, type VerifiedCallback } from 'dragonpay-callback';

declare const callback: VerifiedCallback;
declare const payment: PaymentRow;
declare const payout: PayoutRow;

// A row can be used for a decision as it is, and also with a string of letters.
decideUpdate(callback, payment, false);
decideUpdate(callback, payout, false);
decideUpdate(callback, { status: 'P', reached: 'P', refno: null, amount: '1.00', currency: 'PHP' }, false);
// @ts-expect-error the letters are required
decideUpdate(callback, { status: 'P', refno: null, amount: '1.00', currency: 'PHP' }, false);
