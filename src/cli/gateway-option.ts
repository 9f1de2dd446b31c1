import { Option } from 'commander';
import type { DragonpaySettings } from '../settings/settings.js';
import { settingsFromEnv } from '../settings/settings-from-env.js';
import { asUrl } from './as-url.js';

/** `--gateway`: a sandbox, instead of the gateway that DRAGONPAY_ENVIRONMENT names. */
export function gatewayOption(): Option {
  const description = 'a gateway of your own, such as the sandbox, instead of DRAGONPAY_ENVIRONMENT';
  return new Option('--gateway <url>', description).argParser(asUrl);
}

/** The settings of the environment, with another gateway where one is given. */
export function settingsWithGateway({ gateway }: { readonly gateway?: string }): DragonpaySettings {
  if (gateway === undefined) return settingsFromEnv();
  return { ...settingsFromEnv({ ...process.env, DRAGONPAY_ENVIRONMENT: 'test' }), environment: { gateway } };
}
