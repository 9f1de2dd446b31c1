import type { Dragonpay, DragonpaySettings, PaymentRow } from 'dragonpay-callback';
import { oneLine } from './log.js';

/** Dragonpay, as far as a checkout needs it. */
export interface PaymentGateway {
  /** Where payers are sent to. */
  readonly origin: string;
  /**
   * Asks for a payment.
   * @returns the address of the page where the payer pays
   * @throws Error where the gateway does not answer, or refuses
   */
  createPayment(row: PaymentRow): Promise<string>;
  /** Asks how a payment stands, and stores the answer as a callback's is stored. */
  inquire(txnid: string): Promise<unknown>;
}

const origins = { test: 'https://test.dragonpay.ph', production: 'https://gw.dragonpay.ph' };

/** The gateway of the settings; `undefined` where they have no API key, which it wants to see. */
export function paymentGateway(
  { merchantId, environment, apiKey }: DragonpaySettings,
  dragonpay: Pick<Dragonpay, 'reconcile'>,
): PaymentGateway | undefined {
  if (apiKey === undefined) return undefined;
  const base = typeof environment === 'string' ? origins[environment] : environment.gateway;
  const authorization = `Basic ${Buffer.from(`${merchantId}:${apiKey}`).toString('base64')}`;
  return {
    origin: new URL(base).origin,
    inquire: (txnid) => dragonpay.reconcile({ txnids: [txnid] }),
    createPayment: async ({ txnid, amount, currency, description, email }) => {
      const response = await fetch(`${base}/api/collect/v1/${encodeURIComponent(txnid)}/post`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ Amount: amount, Currency: currency, Description: description, Email: email }),
        redirect: 'error',
        signal: AbortSignal.timeout(10_000),
      }).catch((error: unknown) => {
        // fetch says what happened in the cause.
        const reason = oneLine(error instanceof Error ? (error.cause ?? error) : error);
        throw new Error(`Dragonpay does not answer: ${reason}`, { cause: error });
      });
      if (!response.ok) throw new Error(`Dragonpay answers ${response.status}`);
      const { Url: url, Message: message } = (await response.json()) as { Url?: unknown; Message?: unknown };
      if (typeof url === 'string' && /^https?:/.test(url) && URL.canParse(url)) return url;
      throw new Error(`Dragonpay gives no address to pay at: ${String(message)}`);
    },
  };
}
