import { invalidSetting } from '../errors.js';
import { nearestName } from '../protocol/nearest-name.js';
import { refuseProblems, settingProblems } from './check-settings.js';
import type { SettingProblem } from './setting-rules.js';
import type { DragonpaySettings, VerificationSettings, WireSettings } from './settings.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Each variable, and the setting that it gives. */
const variables = {
  DRAGONPAY_MERCHANT_ID: 'merchantId',
  DRAGONPAY_ENVIRONMENT: 'environment',
  DRAGONPAY_API_KEY: 'apiKey',
  DRAGONPAY_PUBLIC_KEYS: 'verification.rsa.publicKeys',
  DRAGONPAY_HMAC_KEYS: 'verification.hmac.keys',
  DRAGONPAY_SECRET_KEYS: 'verification.sha1.secretKeys',
  DRAGONPAY_TRANSITION: 'verification.transition',
  DRAGONPAY_PAYOUT_SECRET_KEYS: 'payout.sha1.secretKeys',
  DRAGONPAY_PAYOUT_SHARED_SECRET: 'payout.sharedSecret',
  DRAGONPAY_SAVE_DATA: 'saveData',
  DRAGONPAY_WIRE: 'wire',
} as const;

type Variable = keyof typeof variables;

const variableNames = Object.keys(variables) as Variable[];

/** Variables of django-dragonpay. A merchant who used it may still have them. */
const formerNames: Readonly<Record<string, Variable>> = {
  DRAGONPAY_ID: 'DRAGONPAY_MERCHANT_ID',
  DRAGONPAY_PASSWORD: 'DRAGONPAY_SECRET_KEYS',
  DRAGONPAY_TEST_MODE: 'DRAGONPAY_ENVIRONMENT',
};

/**
 * Reads settings from `DRAGONPAY_*` variables:
 *
 * - `DRAGONPAY_MERCHANT_ID`, and `DRAGONPAY_ENVIRONMENT`: `test` or `production`. Both are required.
 * - `DRAGONPAY_API_KEY`: for calls to the gateway.
 * - `DRAGONPAY_PUBLIC_KEYS`, `DRAGONPAY_HMAC_KEYS`, `DRAGONPAY_SECRET_KEYS`: the accepted proofs of payments. An API
 *   key turns RSA on with fetched keys, if none of these is set or `DRAGONPAY_TRANSITION` is `true`.
 * - `DRAGONPAY_PAYOUT_SECRET_KEYS`: turns payouts on.
 * - `DRAGONPAY_TRANSITION`, `DRAGONPAY_PAYOUT_SHARED_SECRET`, `DRAGONPAY_SAVE_DATA`: `true` or `false`.
 * - `DRAGONPAY_WIRE`: the setting `wire`, in JSON.
 *
 * A list is separated by commas, or is a JSON array of strings. A variable that is set must not be blank. A variable is
 * refused if its name looks like a misspelt one of these. Other `DRAGONPAY_*` variables are left alone.
 * @throws DragonpayError `invalid-setting`, with one line for each problem. It names variables and never their values.
 */
export function settingsFromEnv(env: Environment = process.env): DragonpaySettings {
  if (typeof env !== 'object' || env === null) throw invalidSetting('env', 'must be an object such as process.env');
  const reader = new VariableReader(env);
  const apiKey = reader.text('DRAGONPAY_API_KEY');
  const verification = readVerification(reader, apiKey);
  const secretKeys = reader.list('DRAGONPAY_PAYOUT_SECRET_KEYS');
  const sharedSecret = reader.flag('DRAGONPAY_PAYOUT_SHARED_SECRET');
  const saveData = reader.flag('DRAGONPAY_SAVE_DATA');
  const wire = reader.json<WireSettings>('DRAGONPAY_WIRE');
  const settings: DragonpaySettings = {
    merchantId: reader.required('DRAGONPAY_MERCHANT_ID'),
    environment: reader.environment(),
    ...(apiKey !== undefined && { apiKey }),
    ...(verification !== undefined && { verification }),
    ...(secretKeys !== undefined && {
      payout: { sha1: { secretKeys }, ...(sharedSecret !== undefined && { sharedSecret }) },
    }),
    ...(saveData !== undefined && { saveData }),
    ...(wire !== undefined && { wire }),
  };
  refuseProblems([...reader.problems, ...problemsOf(settings, reader)]);
  return settings;
}

function readVerification(reader: VariableReader, apiKey: string | undefined): VerificationSettings | undefined {
  // The line breaks of a PEM in a variable are often escaped.
  const publicKeys = reader.list('DRAGONPAY_PUBLIC_KEYS')?.map((key) => key.replaceAll('\\n', '\n'));
  const keys = reader.list('DRAGONPAY_HMAC_KEYS');
  const secretKeys = reader.list('DRAGONPAY_SECRET_KEYS');
  const transition = reader.flag('DRAGONPAY_TRANSITION');
  const hasWeaker = keys !== undefined || secretKeys !== undefined;
  const fetchesKeys = publicKeys === undefined && apiKey !== undefined && (!hasWeaker || transition === true);
  if (publicKeys === undefined && !fetchesKeys && !hasWeaker) return undefined;
  return {
    ...(publicKeys !== undefined && { rsa: { publicKeys } }),
    ...(fetchesKeys && { rsa: {} }),
    ...(keys !== undefined && { hmac: { keys } }),
    ...(secretKeys !== undefined && { sha1: { secretKeys } }),
    ...(transition !== undefined && { transition }),
  };
}

/** The problems of the settings, by the names of the variables. A variable that could not be read is named once. */
function problemsOf(settings: DragonpaySettings, { problems }: VariableReader): SettingProblem[] {
  const unread = new Set(problems.map(({ subject }) => subject));
  return settingProblems(settings).flatMap(({ subject, problem }) => {
    if (subject === 'verification') {
      if (problems.length > 0) return [];
      const others =
        'DRAGONPAY_PUBLIC_KEYS, DRAGONPAY_HMAC_KEYS, DRAGONPAY_SECRET_KEYS or DRAGONPAY_PAYOUT_SECRET_KEYS';
      return [{ subject: 'DRAGONPAY_API_KEY', problem: `is required to verify callbacks, or one of ${others}` }];
    }
    const [, path = '', index = ''] = /^(.*?)((?:\[\d+\])?)$/.exec(subject) ?? [];
    const variable = variableNames.find((name) => variables[name] === path);
    if (variable === undefined) return [{ subject, problem }];
    return unread.has(variable) ? [] : [{ subject: `${variable}${index}`, problem }];
  });
}

/** Reads variables, and collects the problems with them. */
class VariableReader {
  readonly problems: SettingProblem[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
    for (const name of Object.keys(env)) this.#refuseMisspelt(name);
  }

  text(variable: Variable): string | undefined {
    const value = this.#env[variable];
    if (value !== undefined && typeof value !== 'string') return this.#refuse(variable, 'must be a string');
    if (value?.trim() === '') return this.#refuse(variable, 'must not be blank');
    return value?.trim();
  }

  required(variable: Variable): string {
    return this.text(variable) ?? this.#refuse(variable, 'is required') ?? '';
  }

  environment(): 'test' | 'production' {
    const value = this.required('DRAGONPAY_ENVIRONMENT');
    if (value === 'test' || value === 'production') return value;
    return this.#refuse('DRAGONPAY_ENVIRONMENT', 'must be "test" or "production"') ?? 'test';
  }

  flag(variable: Variable): boolean | undefined {
    const value = this.text(variable)?.toLowerCase();
    if (value === undefined) return undefined;
    if (value === 'true' || value === '1') return true;
    if (value === 'false' || value === '0') return false;
    return this.#refuse(variable, 'must be "true" or "false"');
  }

  list(variable: Variable): string[] | undefined {
    const value = this.text(variable);
    if (value === undefined) return undefined;
    const items = value.startsWith('[') ? parseList(value) : value.split(',').map((item) => item.trim());
    if (items === undefined) return this.#refuse(variable, 'starts with "[" and must then be a JSON array of strings');
    if (items.length === 0 || items.some((item) => item.trim() === '')) {
      return this.#refuse(variable, 'must not hold a blank item');
    }
    return items;
  }

  json<Value>(variable: Variable): Value | undefined {
    const value = this.text(variable);
    if (value === undefined) return undefined;
    try {
      return JSON.parse(value);
    } catch {
      return this.#refuse(variable, 'must be JSON');
    }
  }

  /** Keeps the first problem of a variable. */
  #refuse(subject: string, problem: string): undefined {
    if (!this.problems.some((known) => known.subject === subject)) this.problems.push({ subject, problem });
  }

  #refuseMisspelt(name: string): void {
    if (!name.startsWith('DRAGONPAY_') || Object.hasOwn(variables, name)) return;
    const suffix = (variable: string) => variable.slice('DRAGONPAY_'.length);
    const nearest = nearestName(suffix(name), variableNames.map(suffix));
    const meant = formerNames[name] ?? (nearest && `DRAGONPAY_${nearest}`);
    if (meant !== undefined) this.#refuse(name, `is unknown; did you mean ${meant}?`);
  }
}

function parseList(value: string): string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(value);
    return Array.isArray(parsed) && parsed.every((item) => typeof item === 'string') ? parsed : undefined;
  } catch {
    // The parser's message would quote the value.
    return undefined;
  }
}
