import { wait } from '../../async/wait.js';
import { DragonpayError } from '../../errors.js';
import { withTwoDecimals } from '../../protocol/read-amount.js';
import { isOpen, predecessors } from '../../protocol/statuses.js';
import { type RouteGroup, seeOther, type WebReply, type WebRequest } from '../../web/router.js';
import { messageOf } from '../gateway/callback-fields.js';
import { findChannel } from '../gateway/channels.js';
import type { SandboxPayment } from '../gateway/ledger.js';
import { requestDigestHolds } from '../gateway/request-digest.js';
import type { TestGateway } from '../gateway/test-gateway.js';
import { paymentPage, paymentRefused } from '../pages/payment-page.js';

/** How long the payer's page waits for the answer to a postback, in milliseconds. */
const longestWait = 10_000;

/** The status and the message that each button of the page sets. */
const steps: Readonly<Record<string, { status: string; message?: (channel: string, refno: string) => string }>> = {
  pay: { status: 'S' },
  fail: { status: 'F', message: (channel, refno) => `[108] Insufficient funds at ${channel} #${refno}` },
  cancel: { status: 'F', message: (_, refno) => `[107] Transaction cancelled #${refno}` },
  later: { status: 'P' },
  void: { status: 'V' },
};

/** The payment page: a signed request opens it, and its forms lead back to the shop. */
export function paymentRoutes(gateway: TestGateway): RouteGroup {
  const { ledger, account } = gateway;

  async function open({ query }: WebRequest): Promise<WebReply> {
    const token = query.get('tokenid');
    if (token !== null) return show(byToken(token), query.has('choose'));
    return seeOther(gateway.paymentUrl(requested(query)));
  }

  /** The payment of a signed request. It is created by the first request; a repeated request finds it. */
  function requested(query: URLSearchParams): SandboxPayment {
    if (query.get('merchantid') !== account.merchantId) refuse('[201] Invalid merchant id');
    const amount = withTwoDecimals(query.get('amount') ?? '');
    if (!requestDigestHolds(query, amount, account.secretKey)) {
      refuse('[102] The digest is wrong. It must be the SHA-1 of merchantid:txnid:amount:ccy:description:email:key');
    }
    const txnid = query.get('txnid') ?? '';
    const details = {
      txnid,
      amount,
      currency: (query.get('ccy') ?? '').toUpperCase(),
      description: query.get('description'),
      email: query.get('email'),
      param1: query.get('param1'),
      param2: query.get('param2'),
      procid: query.get('procid'),
    };
    const known = ledger.findPayment(txnid);
    if (known === undefined) gateway.createPayment(details);
    else if (known.amount !== amount || known.currency !== details.currency) {
      refuse('[111] A payment with this txnid and another amount exists already');
    }
    return ledger.payment(txnid);
  }

  async function show(payment: SandboxPayment, choosesAgain = false): Promise<WebReply> {
    const channel = findChannel(payment.procid);
    // A request may name its channel. For a counter the shop is notified at once.
    if (channel?.kind === 'counter' && payment.message === '') await notify(payment, 'P');
    const returnUrl = await gateway.returnUrl(payment.txnid);
    return paymentPage(
      { payment: ledger.payment(payment.txnid), merchantId: account.merchantId, returnUrl },
      choosesAgain,
    );
  }

  async function step(request: WebRequest): Promise<WebReply> {
    const form = await request.form();
    const payment = byToken(form.get('tokenid') ?? '');
    const [name, procid] = [form.get('step') ?? '', form.get('procid')];
    if (name === 'channel') return choose(payment, procid);
    const asked = Object.hasOwn(steps, name) ? steps[name] : undefined;
    if (asked === undefined) refuse('The page has no such button');
    const { status, message } = asked;
    const mayFollow = predecessors('payment', status).includes(payment.status);
    const isNews = mayFollow || (payment.status === status && payment.message === '');
    const channel = findChannel(payment.procid);
    // A stale page, or a button that is pressed twice, changes nothing.
    if (isNews) {
      const text = message?.(channel?.shortName ?? 'BOG', payment.refno);
      await notify(payment, status, text, channel?.kind !== 'counter');
    }
    const returnUrl = channel?.kind === 'counter' ? undefined : await gateway.returnUrl(payment.txnid);
    return seeOther(returnUrl ?? gateway.paymentUrl(payment));
  }

  async function choose(payment: SandboxPayment, procid: string | null): Promise<WebReply> {
    const channel = findChannel(procid ?? undefined);
    if (channel === undefined) refuse('There is no such channel');
    if (isOpen('payment', payment.status)) {
      const message = channel.kind === 'counter' ? messageOf('P', channel.procid, payment.refno) : '';
      const isNews = channel.kind === 'counter' && payment.message !== message;
      const chosen = ledger.changePayment(payment, { procid: channel.procid });
      if (isNews) await notify(chosen, 'P', message);
      gateway.log.changed();
    }
    return seeOther(gateway.paymentUrl(payment));
  }

  /** Sets the status, and waits for the answer to the postback unless the browser is to return first. */
  async function notify(
    payment: SandboxPayment,
    status: string,
    message?: string,
    browserReturns = false,
  ): Promise<void> {
    const options = message === undefined ? {} : { message };
    const { first } = await gateway.settlePayment(payment.txnid, status, options, browserReturns);
    if (gateway.misbehaviours.of(payment.txnid).returnFirst) return;
    const settled = new AbortController();
    await Promise.race([first, wait(longestWait, settled.signal).catch(() => {})]);
    settled.abort();
  }

  function byToken(token: string): SandboxPayment {
    return ledger.findBy('token', token) ?? refuse('There is no such payment');
  }

  return {
    routes: [
      ['GET', /^\/Pay\.aspx$/i, open],
      ['POST', /^\/Pay\.aspx$/i, step],
    ],
    failure: (status, _, message) => paymentRefused(status, message),
  };
}

function refuse(message: string): never {
  throw new DragonpayError('invalid-details', message);
}
