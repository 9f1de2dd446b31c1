import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { DragonpayError } from '../errors.js';
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

/** A gateway that is running. Everything is kept in memory, and gone when it is closed. */
export interface Sandbox {
  /** Without a trailing slash. The control panel is there, and `environment: { gateway: url }` is this. */
  readonly url: string;
  /** To be spread into the settings of `createDragonpay`. Holds the secrets of this sandbox. */
  readonly settings: SandboxSettings;

  /** Registers URLs; those that are not named stay. @throws DragonpayError `invalid-setting` */
  register(urls: RegisteredUrls): void;

  /**
   * Makes a payment, as the merchant's call of the gateway does; takes what `repository.createPayment()` takes.
   * Rejects with `invalid-details`, `already-exists`.
   */
  createPayment(details: SandboxPaymentDetails): Promise<CreatedPayment>;

  /**
   * Gives a payment a status, as the payment page's buttons do, and sends the postback. Any status: it is the
   * receiver's task to know what may follow what. Resolves when nothing more is sent about it. Rejects with `not-found`,
   * `invalid-details`.
   */
  settle(txnid: string, status: string, options?: SettleOptions): Promise<Settlement>;

  /** Makes a payout; takes what `repository.createPayout()` takes. Rejects with `invalid-details`, `already-exists`. */
  createPayout(details: SandboxPayoutDetails): Promise<{ readonly merchantTxnId: string; readonly refno: string }>;

  /** As {@link settle}, for a payout. */
  settlePayout(merchantTxnId: string, status: string, options?: SettleOptions): Promise<Settlement>;

  /** The payments that it knows, newest first. */
  payments(): readonly SandboxPayment[];

  /** The payouts that it knows, newest first. */
  payouts(): readonly SandboxPayout[];

  /**
   * Says what goes wrong from now on, for everything or for one txnid (or merchantTxnId), and replaces what was said
   * before. `misbehave({})` behaves again. @throws DragonpayError `invalid-setting`
   */
  misbehave(misbehaviour: Misbehaviour, id?: string): void;

  /** Signs with a new key from now on. The one before is listed as Revoked, unless it is to stay Active. */
  rotateKeys(options?: { readonly previous?: KeyStatus }): Promise<readonly ListedKey[]>;

  /** Every delivery, newest first. */
  postbacks(): readonly Postback[];

  /** Sends a postback again, as it was. Resolves to the new delivery when it has ended. Rejects with `not-found`. */
  resend(id: number): Promise<Postback>;

  /** Stops listening, and gives up what is being sent. */
  close(): Promise<void>;
}

/**
 * Starts a gateway on this machine that behaves like Dragonpay's test gateway.
 * Rejects with `invalid-setting`, which names the option, and where the port cannot be had.
 *
 * @example
 * const sandbox = await startSandbox({ postbackUrl: 'http://127.0.0.1:3000/dragonpay/callback' });
 * const dragonpay = createDragonpay({ ...sandbox.settings, repository });
 * await sandbox.createPayment({ txnid: 'T-1', amount: '100.00' });
 * await sandbox.settle('T-1', 'S');
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { port = 0, host = '127.0.0.1' } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) refuse('port', 'is no whole number of 0 to 65535');
  if (typeof host !== 'string' || host === '') refuse('host', 'is no name or address');
  const account = readAccount(options);
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

/** What a browser on this machine calls the host. */
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
    else write(json({ code: 'internal-error', message: 'the sandbox failed: see its log' }, 500), response, isHead);
  }
}

function refuse(subject: string, complaint: string): never {
  throw new DragonpayError('invalid-setting', `${subject} ${complaint}`, { subject });
}
