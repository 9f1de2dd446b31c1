import { once } from 'node:events';
import { Command, Option } from 'commander';
import type { ProofAlgorithm } from '../../protocol/fields.js';
import { startSandbox } from '../../sandbox/start-sandbox.js';
import { settingsFromEnv } from '../../settings/settings-from-env.js';
import type { CommandContext } from '../command-context.js';
import { parsePort, parseUrl, wireOption, withWire } from '../options.js';
import { CommandFailure, errorText, exitCodes } from '../report.js';

interface SandboxCommandOptions {
  readonly postback?: string;
  readonly return?: string;
  readonly payoutPostback?: string;
  readonly method: 'POST' | 'GET';
  readonly proof: readonly ProofAlgorithm[];
  readonly host: string;
  readonly port: number;
  readonly wire?: string;
  readonly json?: boolean;
}

/** These keys are public. A handler that strangers can reach must not accept them. */
const defaultKeys = {
  DRAGONPAY_API_KEY: 'sandbox-api-key',
  DRAGONPAY_HMAC_KEYS: 'sandbox-hmac-key',
  DRAGONPAY_SECRET_KEYS: 'sandbox-secret-key',
} as const;

const defaultMerchantId = 'SANDBOX';

/** `dragonpay-callback sandbox`. */
export function sandboxCommand(context: CommandContext): Command {
  return new Command('sandbox')
    .description('Runs a local gateway until it is interrupted.')
    .option('--postback <url>', 'URL for postbacks of payments', parseUrl)
    .option('--return <url>', 'URL to which payers return', parseUrl)
    .option('--payout-postback <url>', 'URL for postbacks of payouts', parseUrl)
    .addOption(new Option('--method <method>', 'HTTP method of postbacks').choices(['POST', 'GET']).default('POST'))
    .addOption(
      new Option('--proof <proofs...>', 'proofs of payment callbacks')
        .choices(['rsa', 'hmac', 'sha1'])
        .default(['rsa'], 'rsa'),
    )
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0 picks a free one', parsePort, 4000)
    .addOption(wireOption())
    .option('--json', 'print one JSON document after the start')
    .addHelpText(
      'after',
      `
The merchant id and the keys come from DRAGONPAY_MERCHANT_ID, DRAGONPAY_API_KEY, DRAGONPAY_HMAC_KEYS and
DRAGONPAY_SECRET_KEYS. The defaults are publicly known. The RSA key is a new one at each start.
Exit codes: 0 interrupted, 2 usage error, 3 the port is not available.`,
    )
    .action((options: SandboxCommandOptions) => runSandbox(options, context));
}

async function runSandbox(options: SandboxCommandOptions, context: CommandContext): Promise<void> {
  const env = withWire(options, context.env);
  const { wire, ...account } = accountFromEnv(env);
  const { merchantId } = account;
  const { postback: postbackUrl, return: returnUrl, payoutPostback: payoutPostbackUrl } = options;
  const { method: postbackMethod, proof: proofs, host, port } = options;
  const signal = context.stopOnSignal();
  const interrupted = once(signal, 'abort');
  const sandbox = await startSandbox({
    ...account,
    wire,
    host,
    port,
    postbackUrl,
    returnUrl,
    payoutPostbackUrl,
    postbackMethod,
    proofs,
  }).catch((error) => {
    if ((error as NodeJS.ErrnoException).syscall !== 'listen') throw error;
    throw new CommandFailure(`cannot listen on ${host}:${port}: ${errorText(error)}`, exitCodes.unknown);
  });
  context.report(
    {
      exitCode: exitCodes.yes,
      json: {
        url: sandbox.url,
        merchantId,
        proofs,
        postbackUrl: postbackUrl ?? null,
        returnUrl: returnUrl ?? null,
        payoutPostbackUrl: payoutPostbackUrl ?? null,
      },
      text: [
        `The sandbox listens on ${sandbox.url}/ (press Ctrl-C to stop it).`,
        `Postbacks go to: ${postbackUrl ?? 'no URL set'}`,
        `Payers return to: ${returnUrl ?? 'no URL set'}`,
        '',
        'Configure the handler with:',
        ...variablesFor(merchantId, proofs, payoutPostbackUrl !== undefined, env).map((line) => `  ${line}`),
        `  createDragonpay({ ...settingsFromEnv(), environment: { gateway: '${sandbox.url}' }, repository })`,
      ].join('\n'),
    },
    options,
  );
  if (!signal.aborted) await interrupted;
  await sandbox.close();
}

/**
 * Reads the merchant from the environment. The sandbox signs with the first key of each list, which the handler
 * accepts.
 */
function accountFromEnv(env: CommandContext['env']) {
  const given = { DRAGONPAY_MERCHANT_ID: defaultMerchantId, ...defaultKeys, ...env };
  const { merchantId, apiKey, verification, wire } = settingsFromEnv({
    DRAGONPAY_MERCHANT_ID: given.DRAGONPAY_MERCHANT_ID,
    DRAGONPAY_API_KEY: given.DRAGONPAY_API_KEY,
    DRAGONPAY_HMAC_KEYS: given.DRAGONPAY_HMAC_KEYS,
    DRAGONPAY_SECRET_KEYS: given.DRAGONPAY_SECRET_KEYS,
    DRAGONPAY_ENVIRONMENT: 'test',
    DRAGONPAY_WIRE: env.DRAGONPAY_WIRE,
  });
  return {
    merchantId,
    wire,
    apiKey: apiKey ?? defaultKeys.DRAGONPAY_API_KEY,
    hmacKey: verification?.hmac?.keys[0] ?? defaultKeys.DRAGONPAY_HMAC_KEYS,
    secretKey: verification?.sha1?.secretKeys[0] ?? defaultKeys.DRAGONPAY_SECRET_KEYS,
  };
}

/** The variables for the handler. Only default keys are shown: keys of the environment are secrets. */
function variablesFor(
  merchantId: string,
  proofs: readonly ProofAlgorithm[],
  hasPayouts: boolean,
  env: CommandContext['env'],
): string[] {
  const show = (name: string, from: keyof typeof defaultKeys) =>
    env[from] === undefined ? `${name}=${defaultKeys[from]}` : `${name}=(the value of ${from} here)`;
  return [
    `DRAGONPAY_MERCHANT_ID=${merchantId}`,
    'DRAGONPAY_ENVIRONMENT=test',
    show('DRAGONPAY_API_KEY', 'DRAGONPAY_API_KEY'),
    ...(proofs.includes('hmac') ? [show('DRAGONPAY_HMAC_KEYS', 'DRAGONPAY_HMAC_KEYS')] : []),
    ...(proofs.includes('sha1') ? [show('DRAGONPAY_SECRET_KEYS', 'DRAGONPAY_SECRET_KEYS')] : []),
    ...(proofs.includes('rsa') && proofs.length > 1 ? ['DRAGONPAY_TRANSITION=true'] : []),
    ...(hasPayouts ? [show('DRAGONPAY_PAYOUT_SECRET_KEYS', 'DRAGONPAY_SECRET_KEYS')] : []),
    ...(hasPayouts && proofs.includes('sha1') ? ['DRAGONPAY_PAYOUT_SHARED_SECRET=true'] : []),
    ...(env.DRAGONPAY_WIRE === undefined ? [] : ['DRAGONPAY_WIRE=(the contents of the file or of DRAGONPAY_WIRE)']),
  ];
}
