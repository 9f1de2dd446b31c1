import { setMaxListeners } from 'node:events';
import { DragonpayError, invalidDetails, invalidSetting } from '../../errors.js';
import { statusShape } from '../../protocol/field-shapes.js';
import type { CallbackKind } from '../../protocol/kinds.js';
import { checkNames } from '../../protocol/nearest-name.js';
import { type CallbackFields, encodeCallback } from '../../protocol/sign-callback.js';
import { isOpen } from '../../protocol/statuses.js';
import { type MerchantAccount, type RegisteredUrls, readUrls } from '../sandbox-options.js';
import { messageOf, paymentCallback, payoutCallback } from './callback-fields.js';
import { KeyRing, type KeyStatus, type ListedKey } from './key-ring.js';
import {
  Ledger,
  type SandboxPayment,
  type SandboxPaymentDetails,
  type SandboxPayout,
  type SandboxPayoutDetails,
} from './ledger.js';
import { type Misbehaviour, Misbehaviours } from './misbehaviour.js';
import { type Postback, PostbackLog } from './postback-log.js';
import { PostbackSender, type PostbackTarget, type Sending } from './postback-sender.js';
import { signPostback } from './sign-postback.js';

/** A new payment, and the URL of its payment page. */
export interface CreatedPayment {
  readonly txnid: string;
  readonly refno: string;
  readonly url: string;
}

/** Options of `settle()` and `settlePayout()`. */
export interface SettleOptions {
  /** The message of the callback. Default: worded like Dragonpay's. */
  readonly message?: string;
  /** The channel. Default: the one that was chosen, else the test bank `BOG`. */
  readonly procid?: string;
}

/** The effects of a new status. */
export interface Settlement {
  /** All deliveries of postbacks, after they ended. */
  readonly postbacks: readonly Postback[];
  /** The return URL with the signed fields in its query; `undefined` if no return URL is registered. */
  readonly returnUrl: string | undefined;
}

/** The gateway itself. The API, the pages and the `Sandbox` object call it. */
export class TestGateway {
  readonly account: MerchantAccount;
  readonly keys = new KeyRing();
  readonly ledger = new Ledger();
  readonly misbehaviours = new Misbehaviours();
  readonly log = new PostbackLog();
  readonly closing = new AbortController();
  readonly #sender = new PostbackSender(this.log, this.closing.signal);
  /** The URL of the sandbox, without a trailing slash. */
  url = '';
  urls: RegisteredUrls;

  constructor(account: MerchantAccount, urls: RegisteredUrls) {
    // Any number of postbacks and slow answers may listen to this signal.
    setMaxListeners(0, this.closing.signal);
    this.account = account;
    this.urls = urls;
  }

  /** @throws DragonpayError `invalid-details`, `already-exists` */
  createPayment(details: SandboxPaymentDetails): CreatedPayment {
    const payment = this.ledger.addPayment(details);
    this.log.changed();
    return { txnid: payment.txnid, refno: payment.refno, url: this.paymentUrl(payment) };
  }

  /** @throws DragonpayError `invalid-details`, `already-exists` */
  createPayout(details: SandboxPayoutDetails): SandboxPayout {
    const payout = this.ledger.addPayout(details);
    this.log.changed();
    return payout;
  }

  /** Registers URLs. URLs that are not named stay. @throws DragonpayError `invalid-setting` */
  register(urls: RegisteredUrls): void {
    checkNames(urls, { postbackUrl: true, returnUrl: true, payoutPostbackUrl: true });
    this.urls = readUrls({ ...this.urls, ...urls });
    this.log.changed();
  }

  /** @throws DragonpayError `invalid-setting` */
  misbehave(misbehaviour: Misbehaviour, id?: string): void {
    this.misbehaviours.set(misbehaviour, id);
    this.log.changed();
  }

  /** Rejects with `invalid-setting`. */
  async rotateKeys(previous: KeyStatus = 'Revoked'): Promise<readonly ListedKey[]> {
    if (previous !== 'Active' && previous !== 'Revoked') {
      throw invalidSetting('previous', 'must be "Active" or "Revoked"');
    }
    await this.keys.rotate(previous);
    this.log.changed();
    return this.keys.list();
  }

  /** The URL of a payment's page. */
  paymentUrl({ token }: SandboxPayment): string {
    return `${this.url}/Pay.aspx?tokenid=${token}`;
  }

  /**
   * Sets the status of a payment, and sends the postback.
   * @param browserReturns whether the payer's browser is about to go to the return URL
   * @throws DragonpayError `not-found`, `invalid-details`
   */
  async settlePayment(
    txnid: string,
    status: string,
    options: SettleOptions = {},
    browserReturns = false,
  ): Promise<Sending> {
    const known = this.ledger.payment(txnid);
    const payment = this.ledger.changePayment(known, changeTo(status, known, options));
    const fields = paymentCallback(payment, this.account.merchantId);
    return this.#announce('payment', txnid, fields, this.#target('payment', browserReturns));
  }

  /** Sets the status of a payout, and sends the postback. @throws DragonpayError `not-found`, `invalid-details` */
  async settlePayout(merchantTxnId: string, status: string, options: SettleOptions = {}): Promise<Sending> {
    const known = this.ledger.payout(merchantTxnId);
    const payout = this.ledger.changePayout(known, changeTo(status, known, options));
    return this.#announce('payout', merchantTxnId, payoutCallback(payout), this.#target('payout'));
  }

  /** The return URL with the current, signed fields of a payment; `undefined` if no return URL is registered. */
  async returnUrl(txnid: string): Promise<string | undefined> {
    const { returnUrl } = this.urls;
    if (returnUrl === undefined) return undefined;
    const fields = paymentCallback(this.ledger.payment(txnid), this.account.merchantId);
    const { fields: signed } = await this.#sign('payment', txnid, fields, this.misbehaviours.of(txnid));
    const { origin, pathname, search } = new URL(returnUrl);
    return `${origin}${pathname}${search}${search === '' ? '?' : '&'}${encodeCallback(signed)}`;
  }

  /** Sends a logged postback again, unchanged, to the URL that is registered now. @throws DragonpayError `not-found` */
  resend(id: number): Sending {
    const postback = this.log.find(id);
    if (postback === undefined) throw new DragonpayError('not-found', 'the log has no such postback');
    const { url, method } = postback;
    const target = this.#target(postback.kind) ?? (url === '' ? undefined : { url, method });
    return this.#sender.send(postback, target, {}, 'by-hand');
  }

  /** Sends the postback of a new status. A contradicting postback follows after all deliveries of the first. */
  async #announce(
    kind: CallbackKind,
    id: string,
    fields: CallbackFields,
    target: PostbackTarget | 'nowhere' | undefined,
  ): Promise<Sending> {
    this.log.changed();
    if (target === 'nowhere') return { first: Promise.resolve(), all: Promise.resolve([]) };
    const misbehaviour = this.misbehaviours.of(id);
    const sending = this.#sender.send(await this.#sign(kind, id, fields, misbehaviour), target, misbehaviour);
    const { contradict } = misbehaviour;
    if (contradict === undefined || isOpen(kind, fields.status ?? '')) return sending;
    const later = async () => {
      const sent = await sending.all;
      const message = messageOf(contradict, fields.procid ?? '', fields.refno ?? fields.refNo ?? '');
      const opposite = await this.#sign(kind, id, { ...fields, status: contradict, message }, misbehaviour);
      return [...sent, ...(await this.#sender.send(opposite, target, {}, 'contradict').all)];
    };
    return { first: sending.first, all: later() };
  }

  #sign(kind: CallbackKind, subject: string, truth: CallbackFields, misbehaviour: Misbehaviour) {
    return signPostback(this, kind, subject, truth, misbehaviour);
  }

  /** The target of postbacks. `nowhere`: only the payer's browser delivers this status. */
  #target(kind: CallbackKind): PostbackTarget | undefined;
  #target(kind: CallbackKind, browserReturns: boolean): PostbackTarget | 'nowhere' | undefined;
  #target(kind: CallbackKind, browserReturns = false): PostbackTarget | 'nowhere' | undefined {
    const { postbackUrl, returnUrl, payoutPostbackUrl } = this.urls;
    const url = kind === 'payment' ? postbackUrl : payoutPostbackUrl;
    if (url !== undefined) return { url, method: this.account.postbackMethod };
    if (kind === 'payout' || returnUrl === undefined) return undefined;
    return browserReturns ? 'nowhere' : { url: returnUrl, method: 'GET' };
  }
}

function changeTo(
  status: string,
  { procid: chosen, refno }: { readonly procid: string; readonly refno: string },
  options: SettleOptions,
): { status: string; message: string; procid: string } {
  if (!statusShape.holds(status)) {
    throw invalidDetails('status', 'must be one upper-case letter');
  }
  for (const name of ['message', 'procid'] as const) {
    if (typeof (options[name] ?? '') !== 'string') throw invalidDetails(name, 'must be a string');
  }
  const procid = options.procid ?? (chosen || 'BOG');
  return { status, procid, message: options.message ?? messageOf(status, procid, refno) };
}
