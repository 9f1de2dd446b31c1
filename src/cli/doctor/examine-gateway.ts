import { DragonpayError } from '../../errors.js';
import { gatewayCall } from '../../gateway/gateway-client.js';
import { gatewayAddress } from '../../protocol/gateway-addresses.js';
import type { DragonpaySettings } from '../../settings/settings.js';
import { FetchedPublicKeys } from '../../verification/fetched-public-keys.js';
import type { CommandContext } from '../command-context.js';
import { settingsWithGateway } from '../options.js';
import { errorText } from '../report.js';
import { type Check, found, ok, skipped } from './check.js';

/** Checks the settings of the environment, and fetches the public keys as the handler does. */
export async function examineGateway(
  options: { readonly gateway?: string; readonly wire?: string },
  context: Pick<CommandContext, 'env'>,
): Promise<Check[]> {
  if (!Object.keys(context.env).some((name) => name.startsWith('DRAGONPAY_'))) {
    return [skipped('settings', 'no DRAGONPAY_* variables are set')];
  }
  try {
    const settings = settingsWithGateway(options, context);
    return [ok('settings', 'the DRAGONPAY_* variables are complete'), await checkKeys(settings)];
  } catch (error) {
    if (!DragonpayError.is(error)) throw error;
    return [found('settings', error.message, 'docs/settings.md lists all variables')];
  }
}

async function checkKeys({ environment, merchantId, apiKey }: DragonpaySettings): Promise<Check> {
  if (apiKey === undefined) return skipped('keys', 'DRAGONPAY_API_KEY is not set, so no keys are fetched');
  const address = gatewayAddress(environment);
  let answer: Awaited<ReturnType<ReturnType<typeof gatewayCall>>>;
  try {
    answer = await gatewayCall({ environment, merchantId, apiKey, fetch })('/keys/callback');
  } catch (error) {
    const fix = 'check firewalls, proxies and DNS between this machine and the gateway';
    return found('keys', `the keys endpoint of ${address} cannot be reached: ${errorText(error)}`, fix);
  }
  const { status, text } = answer;
  if (status === 401 || status === 403) {
    const fix = 'check DRAGONPAY_MERCHANT_ID and DRAGONPAY_API_KEY, and whether they are for this environment';
    return found('keys', `${address} refuses the merchant id or the API key (${status})`, fix);
  }
  if (status < 200 || status > 299) {
    return found(
      'keys',
      `the keys endpoint of ${address} answers ${status}`,
      'try again later; if it persists, ask Dragonpay',
    );
  }
  const keys = new FetchedPublicKeys(async () => text);
  const checked = await keys.firstThatVerifies(() => true);
  if (checked.ok) return ok('keys', 'the public keys can be fetched');
  const problem = checked.reason === 'keys-unavailable' ? checked.problem : undefined;
  const fix = 'ask Dragonpay for a public key, or set DRAGONPAY_PUBLIC_KEYS';
  return found('keys', `${address} gives no usable key: ${problem}`, fix);
}
