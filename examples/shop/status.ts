import { type Html, html } from './html.js';

interface StatusText {
  /** One or two words for the list of orders. */
  readonly name: string;
  readonly tone: 'good' | 'bad' | 'open';
  /** The text for the payer. */
  readonly headline: string;
  readonly advice: string;
}

/** The parts of an order on which the words for its payment depend. */
export interface PaymentState {
  /** Dragonpay's letter. It is not shown to payers. */
  readonly status: string;
  /** Whether a failed payment was cancelled by the payer. */
  readonly cancelled: boolean;
}

const notCharged = 'You have not been charged. You can order again.';

const texts: Readonly<Record<string, StatusText>> = {
  S: {
    name: 'paid',
    tone: 'good',
    headline: 'Thank you, your payment has arrived',
    advice: 'Your order is paid.',
  },
  P: {
    name: 'pending',
    tone: 'open',
    headline: 'We are waiting for your payment',
    advice: 'Dragonpay has not confirmed your payment yet.',
  },
  F: { name: 'failed', tone: 'bad', headline: 'Your payment failed', advice: notCharged },
  V: { name: 'void', tone: 'bad', headline: 'Your payment was voided', advice: notCharged },
  E: { name: 'expired', tone: 'bad', headline: 'Your payment has expired', advice: notCharged },
  R: { name: 'refunded', tone: 'bad', headline: 'Your payment was refunded', advice: 'The money is on its way back.' },
  K: { name: 'charged back', tone: 'bad', headline: 'Your payment was charged back', advice: 'Please contact us.' },
  A: { name: 'authorized', tone: 'open', headline: 'Your payment is authorized', advice: 'It is not settled yet.' },
};

const cancelledText: StatusText = {
  name: 'cancelled',
  tone: 'bad',
  headline: 'You cancelled the payment',
  advice: notCharged,
};

const unknown: StatusText = {
  name: 'unknown',
  tone: 'open',
  headline: 'We do not know yet how your payment went',
  advice: 'Please check your email.',
};

/** How the shop words the status of a payment. */
export function statusText({ status, cancelled }: PaymentState): StatusText {
  if (status === 'F' && cancelled) return cancelledText;
  return texts[status] ?? unknown;
}

/** A status in words, as a coloured label. */
export function statusBadge(state: PaymentState): Html {
  const { name, tone } = statusText(state);
  return html`<span class="status ${tone}">${name}</span>`;
}
