import type { Dragonpay, DragonpaySettings, PaymentRow, ReconcileReport } from 'dragonpay-callback';
import { oneLine } from './log.js';

/** The calls to Dragonpay that a checkout needs. */
export interface PaymentGateway {
  /** The origin of the pages where payers pay. */
  readonly origin: string;
  /**
   * Requests a payment. Resolves to the URL of the page where the payer pays.
   * @throws Error if the gateway does not answer, or refuses
   */
  createPayment(row: PaymentRow): Promise<string>;
  /** Asks about the status of a payment, and stores the answer like a callback. */
  inquire(txnid: string): Promise<InquiryOutcome>;
}

const outcomes = ['applied', 'unchanged', 'review', 'notKnown', 'skipped', 'failed'] as const satisfies ReadonlyArray<
  keyof ReconcileReport
>;

/** The result of an inquiry. */
export type InquiryOutcome = (typeof outcomes)[number];

// The package calls these addresses itself and does not export them, because it requests no payments.
const origins = { test: 'https://test.dragonpay.ph', production: 'https://gw.dragonpay.ph' };

/** The gateway of the settings; `undefined` if they have no API key, which it requires. */
export function paymentGateway(
  { merchantId, environment, apiKey }: DragonpaySettings,
  dragonpay: Pick<Dragonpay, 'reconcile'>,
): PaymentGateway | undefined {
  if (apiKey === undefined) return undefined;
  const base = typeof environment === 'string' ? origins[environment] : environment.gateway;
  const authorization = `Basic ${Buffer.from(`${merchantId}:${apiKey}`).toString('base64')}`;
  return {
    origin: new URL(base).origin,
    inquire: async (txnid) => {
      const report = await dragonpay.reconcile({ txnids: [txnid] });
      return outcomes.find((outcome) => report[outcome] > 0) ?? 'failed';
    },
    createPayment: async ({ txnid, amount, currency, description, email }) => {
      const response = await fetch(`${base}/api/collect/v1/${encodeURIComponent(txnid)}/post`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ Amount: amount, Currency: currency, Description: description, Email: email }),
        redirect: 'error',
        signal: AbortSignal.timeout(10_000),
      }).catch((error: unknown) => {
        // The cause of a fetch error says what happened.
        const reason = oneLine(error instanceof Error ? (error.cause ?? error) : error);
        throw new Error(`Dragonpay does not answer: ${reason}`, { cause: error });
      });
      if (!response.ok) throw new Error(`Dragonpay answers ${response.status}`);
      const { Url: url, Message: message } = (await response.json()) as { Url?: unknown; Message?: unknown };
      if (typeof url === 'string' && /^https?:/.test(url) && URL.canParse(url)) return url;
      throw new Error(`Dragonpay's answer has no URL of a payment page: ${String(message)}`);
    },
  };
}
