import { type DragonpaySettings, settingsFromEnv } from 'dragonpay-callback';
import { type Sandbox, startSandbox } from 'dragonpay-callback/sandbox';
import { type ShopSettings, urlOf } from './shop-settings.js';

/** The merchant whose callbacks the shop receives. */
export interface Merchant {
  readonly settings: DragonpaySettings;
  /** The gateway in this process; `undefined` for a real merchant. */
  readonly sandbox: Sandbox | undefined;
}

/**
 * Reads the merchant from the `DRAGONPAY_*` variables. If none is set, starts a sandbox with a merchant of its own. The
 * sandbox generates the keys that sign callbacks, and the shop fetches them as it fetches Dragonpay's.
 */
export async function findMerchant(env: NodeJS.ProcessEnv, shop: ShopSettings): Promise<Merchant> {
  if (Object.keys(env).some((name) => name.startsWith('DRAGONPAY_'))) {
    return { settings: settingsFromEnv(env), sandbox: undefined };
  }
  const callbackUrl = `${urlOf(shop)}/dragonpay/callback`;
  const sandbox = await startSandbox({
    merchantId: 'KAPE',
    // The package accepts a gateway without TLS only on the loopback interface.
    host: isLocal(shop.host) ? shop.host : '127.0.0.1',
    port: shop.sandboxPort,
    postbackUrl: callbackUrl,
    returnUrl: callbackUrl,
    payoutPostbackUrl: callbackUrl,
  }).catch((error: unknown) => {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    const problem = `port ${shop.sandboxPort} for the sandbox is in use: set PORT to another port (the sandbox uses PORT + 1)`;
    throw isTaken ? new Error(problem, { cause: error }) : error;
  });
  return { settings: sandbox.settings, sandbox };
}

function isLocal(host: string): boolean {
  return /^(?:localhost|127\..*|::1|0\.0\.0\.0|::)$/.test(host);
}
