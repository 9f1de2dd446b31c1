import { DragonpayError } from '../errors.js';
import { checkSettings } from './check-settings.js';
import type { DragonpaySettings, VerificationSettings } from './settings.js';

/**
 * Reads settings from `DRAGONPAY_*` variables:
 *
 * - `DRAGONPAY_MERCHANT_ID`, and `DRAGONPAY_ENVIRONMENT`: `test` or `production`. Both required.
 * - `DRAGONPAY_API_KEY`: for the gateway's calls.
 * - `DRAGONPAY_PUBLIC_KEYS`, `DRAGONPAY_HMAC_KEYS`, `DRAGONPAY_SECRET_KEYS`: the proofs of payments that are accepted.
 *   An API key, and none of these or `DRAGONPAY_TRANSITION=true`, turns RSA on with fetched keys.
 * - `DRAGONPAY_PAYOUT_SECRET_KEYS`: turns payouts on.
 * - `DRAGONPAY_TRANSITION`, `DRAGONPAY_SAVE_DATA`: `true` or `false`.
 *
 * Lists are separated by commas, or a JSON array, which keeps spaces around an item. A variable that is set must not
 * be blank.
 * @throws DragonpayError `invalid-setting`, which names the variable and never its value.
 */
export function settingsFromEnv(env: Readonly<Record<string, string | undefined>> = process.env): DragonpaySettings {
  const merchantId = required(env, 'DRAGONPAY_MERCHANT_ID');
  const environment = required(env, 'DRAGONPAY_ENVIRONMENT');
  if (environment !== 'test' && environment !== 'production') {
    return refuse('DRAGONPAY_ENVIRONMENT', 'is neither "test" nor "production"');
  }
  const apiKey = optional(env, 'DRAGONPAY_API_KEY');
  const payoutKeys = list(env, 'DRAGONPAY_PAYOUT_SECRET_KEYS');
  const saveData = flag(env, 'DRAGONPAY_SAVE_DATA');
  const verification = verificationFromEnv(env, apiKey);
  if (verification === undefined && payoutKeys === undefined) {
    refuse(
      'DRAGONPAY_PUBLIC_KEYS',
      'is missing, and so are DRAGONPAY_API_KEY, DRAGONPAY_HMAC_KEYS, DRAGONPAY_SECRET_KEYS and ' +
        'DRAGONPAY_PAYOUT_SECRET_KEYS: one of them must say how callbacks are verified',
    );
  }
  const settings: DragonpaySettings = {
    merchantId,
    environment,
    ...(apiKey !== undefined && { apiKey }),
    ...(verification !== undefined && { verification }),
    ...(payoutKeys !== undefined && { payout: { sha1: { secretKeys: payoutKeys } } }),
    ...(saveData !== undefined && { saveData }),
  };
  checkWithVariableNames(settings);
  return settings;
}

function verificationFromEnv(
  env: Readonly<Record<string, string | undefined>>,
  apiKey: string | undefined,
): VerificationSettings | undefined {
  const publicKeys = list(env, 'DRAGONPAY_PUBLIC_KEYS')?.map((key) => key.replaceAll('\\n', '\n'));
  const hmacKeys = list(env, 'DRAGONPAY_HMAC_KEYS');
  const secretKeys = list(env, 'DRAGONPAY_SECRET_KEYS');
  const transition = flag(env, 'DRAGONPAY_TRANSITION');
  const hasWeaker = hmacKeys !== undefined || secretKeys !== undefined;
  const fetchesKeys = publicKeys === undefined && apiKey !== undefined && (!hasWeaker || transition === true);
  if (publicKeys === undefined && !fetchesKeys && !hasWeaker) return undefined;
  return {
    ...(publicKeys !== undefined && { rsa: { publicKeys } }),
    ...(fetchesKeys && { rsa: {} }),
    ...(hmacKeys !== undefined && { hmac: { keys: hmacKeys } }),
    ...(secretKeys !== undefined && { sha1: { secretKeys } }),
    ...(transition !== undefined && { transition }),
  };
}

const variableOf: Readonly<Record<string, string>> = {
  merchantId: 'DRAGONPAY_MERCHANT_ID',
  apiKey: 'DRAGONPAY_API_KEY',
  verification: 'DRAGONPAY_TRANSITION',
  'verification.rsa.publicKeys': 'DRAGONPAY_PUBLIC_KEYS',
};

function checkWithVariableNames(settings: DragonpaySettings): void {
  try {
    checkSettings(settings);
  } catch (error) {
    const subject = DragonpayError.is(error) ? (error.subject ?? '') : '';
    const variable = variableOf[subject.replace(/\[\d+\]$/, '')];
    if (variable === undefined || !DragonpayError.is(error)) throw error;
    refuse(variable, `cannot be used: ${error.message}`);
  }
}

function refuse(variable: string, complaint: string): never {
  throw new DragonpayError('invalid-setting', `${variable} ${complaint}`, { subject: variable });
}

function optional(env: Readonly<Record<string, string | undefined>>, variable: string): string | undefined {
  const value = env[variable];
  if (value?.trim() === '') refuse(variable, 'is empty or blank');
  return value?.trim();
}

function required(env: Readonly<Record<string, string | undefined>>, variable: string): string {
  return optional(env, variable) ?? refuse(variable, 'is missing');
}

function flag(env: Readonly<Record<string, string | undefined>>, variable: string): boolean | undefined {
  const value = optional(env, variable)?.toLowerCase();
  if (value === undefined) return undefined;
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  return refuse(variable, 'is neither "true" nor "false"');
}

function list(env: Readonly<Record<string, string | undefined>>, variable: string): string[] | undefined {
  const value = optional(env, variable);
  if (value === undefined) return undefined;
  const items = value.startsWith('[') ? parseJsonList(variable, value) : value.split(',').map((item) => item.trim());
  if (items.length === 0 || items.some((item) => item.trim() === '')) refuse(variable, 'holds an empty or blank item');
  return items;
}

function parseJsonList(variable: string, value: string): string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    // Said below, without the value that the parser's message quotes.
  }
  if (!Array.isArray(parsed) || parsed.some((item) => typeof item !== 'string')) {
    refuse(variable, 'starts with "[" and is no JSON array of strings');
  }
  return parsed as string[];
}
