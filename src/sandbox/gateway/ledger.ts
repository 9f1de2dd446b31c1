import { randomBytes, randomInt } from 'node:crypto';
import { DragonpayError } from '../../errors.js';
import { alreadyExists, newPayment, newPayout } from '../../model/new-row.js';
import type { PaymentDetails, PayoutDetails } from '../../model/rows.js';
import { initialStatus } from '../../protocol/statuses.js';

/** The fields that payments and payouts of the sandbox share. */
interface SandboxRow {
  /** The reference number that the sandbox assigned: 12 characters. */
  readonly refno: string;
  /** Decimal string with two decimals. */
  readonly amount: string;
  readonly currency: string;
  readonly description: string;
  readonly email: string;
  readonly mobile: string;
  readonly status: string;
  /** The message of the callbacks for this status. Empty before the first callback. */
  readonly message: string;
  /** The channel. Empty until the payer chooses one. */
  readonly procid: string;
  readonly createdAt: Date;
  /** When the status was last set. */
  readonly modifiedAt: Date;
}

/** A payment of the sandbox. */
export interface SandboxPayment extends SandboxRow {
  readonly txnid: string;
  readonly param1: string;
  readonly param2: string;
  /** Identifies the payment in the URL of its payment page. Anyone with the token may pay. */
  readonly token: string;
}

/** A payout of the sandbox. */
export interface SandboxPayout extends SandboxRow {
  readonly merchantTxnId: string;
  readonly userName: string;
  readonly procDetail: string;
}

/** Details of a new payment, as for `repository.createPayment()`. */
export type SandboxPaymentDetails = Omit<PaymentDetails, 'status' | 'refno'> & { readonly mobile?: string | null };

/** Details of a new payout, as for `repository.createPayout()`. */
export type SandboxPayoutDetails = Omit<PayoutDetails, 'status' | 'refno'>;

/** The fields that change when a payment or payout gets a new status. */
export type RowChange = { readonly status?: string; readonly message?: string; readonly procid?: string };

/** The payments and payouts of the sandbox, in memory. */
export class Ledger {
  readonly #payments = new Map<string, SandboxPayment>();
  readonly #payouts = new Map<string, SandboxPayout>();

  /** All of them, newest first. */
  payments(): readonly SandboxPayment[] {
    return [...this.#payments.values()].reverse();
  }

  /** All of them, newest first. */
  payouts(): readonly SandboxPayout[] {
    return [...this.#payouts.values()].reverse();
  }

  findPayment(txnid: string): SandboxPayment | undefined {
    return this.#payments.get(txnid);
  }

  findPayout(merchantTxnId: string): SandboxPayout | undefined {
    return this.#payouts.get(merchantTxnId);
  }

  findBy(name: 'refno' | 'token', value: string): SandboxPayment | undefined {
    return [...this.#payments.values()].find((payment) => payment[name] === value);
  }

  /** @throws DragonpayError `not-found` */
  payment(txnid: string): SandboxPayment {
    return this.#payments.get(txnid) ?? notFound('payment');
  }

  /** @throws DragonpayError `not-found` */
  payout(merchantTxnId: string): SandboxPayout {
    return this.#payouts.get(merchantTxnId) ?? notFound('payout');
  }

  /** @throws DragonpayError `invalid-details`, `already-exists` */
  addPayment(details: SandboxPaymentDetails): SandboxPayment {
    const { id, amount, currency, texts } = newPayment(details);
    if (this.#payments.has(id)) throw alreadyExists('payment');
    const mobile = typeof details.mobile === 'string' ? details.mobile.slice(0, 32) : '';
    const rest = newRow(amount, currency, { ...texts, mobile });
    const param = (name: 'param1' | 'param2') => texts[name] ?? '';
    const token = randomBytes(16).toString('hex');
    const payment = { txnid: id, ...rest, param1: param('param1'), param2: param('param2'), token };
    this.#payments.set(id, payment);
    return payment;
  }

  /** @throws DragonpayError `invalid-details`, `already-exists` */
  addPayout(details: SandboxPayoutDetails): SandboxPayout {
    const { id, amount, currency, texts } = newPayout(details);
    if (this.#payouts.has(id)) throw alreadyExists('payout');
    const { userName, procDetail } = texts;
    const rest = newRow(amount, currency, texts);
    const payout = { merchantTxnId: id, ...rest, userName: userName ?? '', procDetail: procDetail ?? '' };
    this.#payouts.set(id, payout);
    return payout;
  }

  changePayment(payment: SandboxPayment, change: RowChange): SandboxPayment {
    const changed = { ...payment, ...change, modifiedAt: new Date() };
    this.#payments.set(payment.txnid, changed);
    return changed;
  }

  changePayout(payout: SandboxPayout, change: RowChange): SandboxPayout {
    const changed = { ...payout, ...change, modifiedAt: new Date() };
    this.#payouts.set(payout.merchantTxnId, changed);
    return changed;
  }
}

function newRow(amount: string, currency: string, texts: Readonly<Record<string, string | null>>): SandboxRow {
  const now = new Date();
  return {
    refno: newRefno(),
    amount,
    currency,
    status: initialStatus,
    message: '',
    description: texts.description ?? '',
    email: texts.email ?? '',
    mobile: texts.mobile ?? '',
    procid: texts.procid ?? '',
    createdAt: now,
    modifiedAt: now,
  };
}

const alphabet = '0123456789ABCDEFGHJKLMNPQRSTUVWXYZ';

function newRefno(): string {
  return Array.from({ length: 12 }, () => alphabet[randomInt(alphabet.length)]).join('');
}

function notFound(subject: 'payment' | 'payout'): never {
  throw new DragonpayError('not-found', `the sandbox has no such ${subject}`, { subject });
}
