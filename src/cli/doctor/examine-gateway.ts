import { DragonpayError } from '../../errors.js';
import { gatewayCall } from '../../gateway/gateway-client.js';
import { gatewayAddress } from '../../protocol/gateway-addresses.js';
import type { DragonpaySettings } from '../../settings/settings.js';
import { FetchedPublicKeys } from '../../verification/public-keys.js';
import { settingsWithGateway } from '../gateway-option.js';
import { oneLine } from '../report.js';
import { type Check, found, ok, skipped } from './check.js';

/** Looks at the settings of the environment, and fetches the public keys as the handler does. Never rejects. */
export async function examineGateway(options: { readonly gateway?: string }): Promise<Check[]> {
  if (!Object.keys(process.env).some((name) => name.startsWith('DRAGONPAY_'))) {
    return [skipped('settings', 'there are no DRAGONPAY_* variables here')];
  }
  try {
    const settings = settingsWithGateway(options);
    return [ok('settings', 'the DRAGONPAY_* variables are complete'), await checkKeys(settings)];
  } catch (error) {
    if (!DragonpayError.is(error)) throw error;
    return [found('settings', error.message, 'docs/settings.md has all variables')];
  }
}

async function checkKeys({ environment, merchantId, apiKey }: DragonpaySettings): Promise<Check> {
  if (apiKey === undefined) return skipped('keys', 'DRAGONPAY_API_KEY is not set: no keys are fetched');
  const address = gatewayAddress(environment);
  let answer: Awaited<ReturnType<ReturnType<typeof gatewayCall>>>;
  try {
    answer = await gatewayCall({ environment, merchantId, apiKey, fetch })('/keys/callback');
  } catch (error) {
    const mend = 'let this machine reach the gateway by https: look at firewalls, proxies and DNS';
    return found('keys', `the keys endpoint of ${address} cannot be reached: ${oneLine(error)}`, mend);
  }
  const { status, text } = answer;
  if (status === 401 || status === 403) {
    const mend = 'look at DRAGONPAY_MERCHANT_ID, DRAGONPAY_API_KEY, and whether they belong to this environment';
    return found('keys', `${address} refuses the merchant id or the API key (${status})`, mend);
  }
  if (status < 200 || status > 299) {
    return found(
      'keys',
      `the keys endpoint of ${address} answers ${status}`,
      'ask again; if it stays so, ask Dragonpay',
    );
  }
  const keys = new FetchedPublicKeys(async () => JSON.parse(text), Date.now);
  if ((await keys.firstThatVerifies(() => true)) !== 'unavailable') return ok('keys', 'the public keys are there');
  return found('keys', `${address} gives no usable Active key`, 'ask Dragonpay for one, or set DRAGONPAY_PUBLIC_KEYS');
}
