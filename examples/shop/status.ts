import { type Html, html } from './html.js';

interface StatusText {
  readonly name: string;
  readonly tone: 'good' | 'bad' | 'open';
  /** To the payer. */
  readonly headline: string;
  readonly advice: string;
}

const closed = 'You have not been charged. You can order again.';

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
    advice: 'Dragonpay has not told us yet that it arrived.',
  },
  F: { name: 'failed', tone: 'bad', headline: 'Your payment did not succeed', advice: closed },
  V: { name: 'void', tone: 'bad', headline: 'Your payment was cancelled', advice: closed },
  E: { name: 'expired', tone: 'bad', headline: 'Your payment came too late', advice: closed },
  R: { name: 'refunded', tone: 'bad', headline: 'Your payment was refunded', advice: 'The money is on its way back.' },
  K: { name: 'charged back', tone: 'bad', headline: 'Your payment was charged back', advice: 'Please contact us.' },
  A: { name: 'authorized', tone: 'open', headline: 'Your payment is authorized', advice: 'It has yet to be settled.' },
};

const unknown: StatusText = {
  name: 'unknown',
  tone: 'open',
  headline: 'We do not know yet how your payment went',
  advice: 'Please check your email.',
};

/** How the shop speaks of a payment's status. */
export function statusText(letter: string): StatusText {
  return texts[letter] ?? unknown;
}

/** A status in one word, with Dragonpay's letter. */
export function statusBadge(letter: string): Html {
  const { name, tone } = statusText(letter);
  return html`<span class="status ${tone}"><b>${letter}</b> ${name}</span>`;
}
