import { writeManilaTime } from '../../protocol/manila-time.js';
import type { CallbackFields } from '../../protocol/sign-callback.js';
import type { Status } from '../../protocol/statuses.js';
import { findChannel } from './channels.js';
import type { SandboxPayment, SandboxPayout } from './ledger.js';

/** The unsigned fields of a payment's callback, by their names on the wire. */
export function paymentCallback(payment: SandboxPayment, merchantId: string): CallbackFields {
  const { txnid, refno, status, message, param1, param2, amount, currency, procid, modifiedAt } = payment;
  const settledate = status === 'S' ? { settledate: writeManilaTime(modifiedAt).slice(0, 10) } : {};
  return {
    txnid,
    refno,
    status,
    message,
    merchantid: merchantId,
    param1,
    param2,
    amount,
    ccy: currency,
    procid,
    ...settledate,
  };
}

/** The unsigned fields of a payout's callback. */
export function payoutCallback({ merchantTxnId, refno, status, message }: SandboxPayout): CallbackFields {
  return { merchantTxnId, refNo: refno, status, message };
}

const messages: Readonly<Record<Status, string>> = {
  S: '[000]',
  P: '[000] Waiting for deposit to',
  F: '[110] Error in operation at',
  U: '[000] Status unknown at',
  R: '[000] Refunded through',
  K: '[000] Charged back through',
  V: '[000] Voided at',
  A: '[000] Authorized by',
  E: '[000] Expired at',
  G: '[000] In progress at',
  H: '[000] On hold at',
};

/** The message of a callback, worded like Dragonpay's: `[000] BOG Reference No: 20260301093000 #ABCD1234EFGH`. */
export function messageOf(status: string, procid: string, refno: string, at = new Date()): string {
  const channel = findChannel(procid)?.shortName ?? procid;
  const stamp = writeManilaTime(at).replace(/\D/g, '');
  if (status === 'S') return `[000] ${channel} Reference No: ${stamp} #${refno}`;
  const text = Object.hasOwn(messages, status) ? messages[status as Status] : '[000]';
  return `${text} ${channel} #${refno}`;
}
