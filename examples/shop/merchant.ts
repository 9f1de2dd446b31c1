import { type DragonpaySettings, settingsFromEnv } from 'dragonpay-callback';
import { type Sandbox, startSandbox } from 'dragonpay-callback/sandbox';
import { type ShopSettings, urlOf } from './shop-settings.js';

/** Whose callbacks the shop receives. */
export interface Merchant {
  readonly settings: DragonpaySettings;
  /** The gateway in this process; `undefined` for a merchant whom Dragonpay itself knows. */
  readonly sandbox: Sandbox | undefined;
}

/**
 * The merchant of the `DRAGONPAY_*` variables. Where there is none of them, one whom only a sandbox knows: it makes the
 * keys that callbacks are signed with, and the shop fetches them as it would fetch Dragonpay's.
 */
export async function findMerchant(env: NodeJS.ProcessEnv, shop: ShopSettings): Promise<Merchant> {
  if (Object.keys(env).some((name) => name.startsWith('DRAGONPAY_'))) {
    return { settings: settingsFromEnv(env), sandbox: undefined };
  }
  const callbackUrl = `${urlOf(shop)}/dragonpay/callback`;
  const sandbox = await startSandbox({
    merchantId: 'KAPE',
    // A gateway without TLS is believed on the loopback interface only.
    host: isReachedHere(shop.host) ? shop.host : '127.0.0.1',
    port: shop.sandboxPort,
    postbackUrl: callbackUrl,
    returnUrl: callbackUrl,
    payoutPostbackUrl: callbackUrl,
  }).catch((error: unknown) => {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    const complaint = `port ${shop.sandboxPort}, for the sandbox, is taken: choose another with PORT, one less than it`;
    throw isTaken ? new Error(complaint, { cause: error }) : error;
  });
  return { settings: sandbox.settings, sandbox };
}

function isReachedHere(host: string): boolean {
  return /^(?:localhost|127\..*|::1|0\.0\.0\.0|::)$/.test(host);
}
