import { writeManilaTime } from '../../protocol/manila-time.js';
import type { CallbackFields } from '../../protocol/sign-callback.js';
import { paymentStatuses, payoutStatuses, type Status } from '../../protocol/statuses.js';
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

/** Messages in Dragonpay's words. The messages of other statuses are their names in the table of statuses. */
const messages: Partial<Record<Status, string>> = {
  P: '[000] Waiting for deposit to',
  F: '[110] Error in operation at',
  U: '[000] Status unknown at',
  R: '[000] Refunded through',
  K: '[000] Charged back through',
  V: '[000] Voided at',
};

/** The message of a callback, worded like Dragonpay's: `[000] BOG Reference No: 20260301093000 #ABCD1234EFGH`. */
export function messageOf(status: string, procid: string, refno: string, at = new Date()): string {
  const channel = findChannel(procid)?.shortName ?? procid;
  const stamp = writeManilaTime(at).replace(/\D/g, '');
  if (status === 'S') return `[000] ${channel} Reference No: ${stamp} #${refno}`;
  return `${messages[status as Status] ?? `[000] ${nameOf(status)}`} ${channel} #${refno}`;
}

function nameOf(status: string): string {
  const rows: Readonly<Record<string, { readonly name: string }>> = { ...payoutStatuses, ...paymentStatuses };
  return rows[status]?.name ?? 'unrecognized';
}
