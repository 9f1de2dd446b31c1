import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { invalidSetting } from '../errors.js';
import { refusal } from '../web/guard.js';
import { json, type RouteGroup, route, text, write } from '../web/router.js';
import type { KeyStatus, ListedKey } from './gateway/key-ring.js';
import type { SandboxPayment, SandboxPaymentDetails, SandboxPayout, SandboxPayoutDetails } from './gateway/ledger.js';
import type { Misbehaviour } from './gateway/misbehaviour.js';
import type { Postback } from './gateway/postback-log.js';
import type { Sending } from './gateway/postback-sender.js';
import { type CreatedPayment, type Settlement, type SettleOptions, TestGateway } from './gateway/test-gateway.js';
import { controlApi } from './routes/control-api.js';
import { controlPages } from './routes/control-pages.js';
import { gatewayApi } from './routes/gateway-api.js';
import { paymentRoutes } from './routes/payment-routes.js';
import {
  type RegisteredUrls,
  readAccount,
  readUrls,
  type SandboxOptions,
  type SandboxSettings,
  settingsOf,
} from './sandbox-options.js';

/** A running sandbox. Its data is in memory only. */
export interface Sandbox {
  /** The URL of the gateway and of the control panel, without a trailing slash. */
  readonly url: string;
  /** Settings to spread into those of `createDragonpay`. They contain the secrets of this sandbox. */
  readonly settings: SandboxSettings;

  /** Registers URLs. URLs that are not named stay. @throws DragonpayError `invalid-setting` */
  register(urls: RegisteredUrls): void;

  /**
   * Creates a payment, like a call of the gateway's API. The details are those of `repository.createPayment()`.
   * Rejects with `invalid-details` or `already-exists`.
   */
  createPayment(details: SandboxPaymentDetails): Promise<CreatedPayment>;

  /**
   * Sets the status of a payment, like the buttons of the payment page, and sends the postback. Any status is allowed,
   * because the receiver has to decide which status may follow. Resolves when all postbacks about it have ended.
   * Rejects with `not-found` or `invalid-details`.
   */
  settle(txnid: string, status: string, options?: SettleOptions): Promise<Settlement>;

  /** Creates a payout. See `createPayment`. */
  createPayout(details: SandboxPayoutDetails): Promise<{ readonly merchantTxnId: string; readonly refno: string }>;

  /** Sets the status of a payout. See `settle`. */
  settlePayout(merchantTxnId: string, status: string, options?: SettleOptions): Promise<Settlement>;

  /** All payments, newest first. */
  payments(): readonly SandboxPayment[];

  /** All payouts, newest first. */
  payouts(): readonly SandboxPayout[];

  /**
   * Sets the misbehaviour for everything, or for one txnid or merchantTxnId. It replaces the previous one;
   * `misbehave({})` restores correct behaviour. @throws DragonpayError `invalid-setting`
   */
  misbehave(misbehaviour: Misbehaviour, id?: string): void;

  /** Generates a new RSA key for signing. `previous`: the status of the previous key. Default: `Revoked`. */
  rotateKeys(options?: { readonly previous?: KeyStatus }): Promise<readonly ListedKey[]>;

  /** The last 500 deliveries, newest first. */
  postbacks(): readonly Postback[];

  /** Sends a postback again, unchanged. Resolves to the new delivery after it ended. Rejects with `not-found`. */
  resend(id: number): Promise<Postback>;

  /** Stops listening, and cancels postbacks that are being sent. */
  close(): Promise<void>;
}

/**
 * Starts a local gateway that behaves like Dragonpay's test gateway. Rejects with `invalid-setting`, which names the
 * option, and with the error of `listen` if the port is not available.
 *
 * @example
 * const sandbox = await startSandbox({ postbackUrl: 'http://127.0.0.1:3000/dragonpay/callback' });
 * const dragonpay = createDragonpay({ ...sandbox.settings, repository });
 * await sandbox.createPayment({ txnid: 'T-1', amount: '100.00' });
 * await sandbox.settle('T-1', 'S');
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const account = readAccount(options);
  const { port = 0, host = '127.0.0.1' } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw invalidSetting('port', 'must be an integer from 0 to 65535');
  if (typeof host !== 'string' || host === '') throw invalidSetting('host', 'must be a name or an address');
  const gateway = new TestGateway(account, readUrls(options));
  const groups: readonly RouteGroup[] = [
    gatewayApi(gateway),
    paymentRoutes(gateway),
    controlApi(gateway),
    controlPages(gateway),
  ];
  const server = createServer((message, response) => void serve(groups, host, message, response));
  server.listen(port, host);
  await once(server, 'listening');
  gateway.url = `http://${nameOf(host)}:${(server.address() as AddressInfo).port}`;

  async function settled(returnUrl: () => Promise<string | undefined>, sending: Promise<Sending>): Promise<Settlement> {
    const { all } = await sending;
    return { postbacks: await all, returnUrl: await returnUrl() };
  }

  return {
    url: gateway.url,
    settings: settingsOf(account, gateway.url),
    register: (urls) => gateway.register(urls),
    createPayment: async (details) => gateway.createPayment(details),
    settle: (txnid, status, options) =>
      settled(() => gateway.returnUrl(txnid), gateway.settlePayment(txnid, status, options)),
    async createPayout(details) {
      const { merchantTxnId, refno } = gateway.createPayout(details);
      return { merchantTxnId, refno };
    },
    settlePayout: (merchantTxnId, status, options) =>
      settled(async () => undefined, gateway.settlePayout(merchantTxnId, status, options)),
    payments: () => gateway.ledger.payments(),
    payouts: () => gateway.ledger.payouts(),
    misbehave: (misbehaviour, id) => gateway.misbehave(misbehaviour, id),
    rotateKeys: (options) => gateway.rotateKeys(options?.previous),
    postbacks: () => gateway.log.list(),
    async resend(id) {
      const [sent] = await gateway.resend(id).all;
      return sent as Postback;
    },
    async close() {
      gateway.closing.abort(new Error('the sandbox was closed'));
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The host in URLs for a browser on this machine. */
function nameOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return isIPv6(host) ? `[${host}]` : host;
}

async function serve(
  groups: readonly RouteGroup[],
  ownHost: string,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const isHead = message.method === 'HEAD';
  const refused = refusal(message, ownHost);
  try {
    if (refused !== undefined) write(text(403, refused), response, isHead);
    else write(await route(groups, message), response, isHead);
  } catch (error) {
    if (message.destroyed && !message.complete) return;
    console.error('sandbox:', error);
    if (response.headersSent) response.destroy();
    else write(json({ code: 'internal-error', message: 'the sandbox failed; see its log' }, 500), response, isHead);
  }
}
