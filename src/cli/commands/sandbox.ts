import { once } from 'node:events';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ProofAlgorithm } from '../../protocol/signed-text.js';
import { startSandbox } from '../../sandbox/start-sandbox.js';
import { settingsFromEnv } from '../../settings/settings-from-env.js';
import { asUrl } from '../as-url.js';
import { CommandFailure, exitCodes } from '../command-failure.js';
import { oneLine, report } from '../report.js';

interface SandboxCommandOptions {
  readonly postback?: string;
  readonly return?: string;
  readonly payoutPostback?: string;
  readonly method: 'POST' | 'GET';
  readonly proof: readonly ProofAlgorithm[];
  readonly host: string;
  readonly port: number;
  readonly json?: boolean;
}

/** Known to everybody: what they sign proves nothing to a handler that others reach. */
const knownKeys = {
  DRAGONPAY_API_KEY: 'sandbox-api-key',
  DRAGONPAY_HMAC_KEYS: 'sandbox-hmac-key',
  DRAGONPAY_SECRET_KEYS: 'sandbox-secret-key',
} as const;

const defaultMerchantId = 'SANDBOX';

/** `dragonpay-callback sandbox`. */
export function sandboxCommand(): Command {
  return new Command('sandbox')
    .description('Runs a gateway of your own, until it is interrupted.')
    .option('--postback <url>', 'where postbacks go', asUrl)
    .option('--return <url>', 'where payers return to', asUrl)
    .option('--payout-postback <url>', 'where postbacks of payouts go', asUrl)
    .addOption(new Option('--method <method>', 'how postbacks are sent').choices(['POST', 'GET']).default('POST'))
    .addOption(
      new Option('--proof <proofs...>', 'what callbacks of payments carry')
        .choices(['rsa', 'hmac', 'sha1'])
        .default(['rsa'], 'rsa'),
    )
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--port <number>', 'the port to listen on, 0 for any', asPort, 4000)
    .option('--json', 'print one JSON document when it listens')
    .addHelpText(
      'after',
      `
It has the merchant id and the keys of DRAGONPAY_MERCHANT_ID, DRAGONPAY_API_KEY, DRAGONPAY_HMAC_KEYS and
DRAGONPAY_SECRET_KEYS, or keys that everybody knows. Its RSA key is new each time.
Exit codes: 0 interrupted, 2 called wrongly, 3 it cannot listen.`,
    )
    .action(runSandbox);
}

function asPort(text: string): number {
  const port = Number(text);
  if (text.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError('It is no port.');
  }
  return port;
}

async function runSandbox(options: SandboxCommandOptions): Promise<void> {
  const { apiKey, hmacKey, secretKey, merchantId } = accountFromEnv();
  const { postback: postbackUrl, return: returnUrl, payoutPostback: payoutPostbackUrl, method, proof, host } = options;
  const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const sandbox = await startSandbox({
    ...{ apiKey, hmacKey, secretKey, merchantId, host, port: options.port },
    ...{ postbackUrl, returnUrl, payoutPostbackUrl, postbackMethod: method, proofs: proof },
  }).catch((error) => {
    if ((error as NodeJS.ErrnoException).syscall !== 'listen') throw error;
    throw new CommandFailure(`it cannot listen on ${host}:${options.port}: ${oneLine(error)}`, exitCodes.unknown);
  });
  const urls = { postbackUrl: postbackUrl ?? null, returnUrl: returnUrl ?? null };
  report(
    {
      exitCode: exitCodes.yes,
      json: { url: sandbox.url, merchantId, proofs: proof, ...urls, payoutPostbackUrl: payoutPostbackUrl ?? null },
      text: [
        `The sandbox listens on ${sandbox.url}/ (Ctrl-C ends it).`,
        `Postbacks go to ${postbackUrl ?? 'no URL yet'}, payers return to ${returnUrl ?? 'no URL yet'}.`,
        '',
        'For the handler:',
        ...variablesFor(merchantId, proof, payoutPostbackUrl !== undefined).map((line) => `  ${line}`),
        `  createDragonpay({ ...settingsFromEnv(), environment: { gateway: '${sandbox.url}' }, repository })`,
      ].join('\n'),
    },
    options,
  );
  await interrupted;
  await sandbox.close();
}

/** The first of each list, as the merchant's handler has them. */
function accountFromEnv() {
  const env = { DRAGONPAY_MERCHANT_ID: defaultMerchantId, ...knownKeys, ...process.env };
  const { merchantId, apiKey, verification } = settingsFromEnv({
    DRAGONPAY_MERCHANT_ID: env.DRAGONPAY_MERCHANT_ID,
    DRAGONPAY_API_KEY: env.DRAGONPAY_API_KEY,
    DRAGONPAY_HMAC_KEYS: env.DRAGONPAY_HMAC_KEYS,
    DRAGONPAY_SECRET_KEYS: env.DRAGONPAY_SECRET_KEYS,
    DRAGONPAY_ENVIRONMENT: 'test',
  });
  return {
    merchantId,
    apiKey: apiKey ?? knownKeys.DRAGONPAY_API_KEY,
    hmacKey: verification?.hmac?.keys[0] ?? knownKeys.DRAGONPAY_HMAC_KEYS,
    secretKey: verification?.sha1?.secretKeys[0] ?? knownKeys.DRAGONPAY_SECRET_KEYS,
  };
}

/** Values are shown only where everybody knows them. */
function variablesFor(merchantId: string, proof: readonly ProofAlgorithm[], hasPayouts: boolean): string[] {
  const show = (name: string, from: keyof typeof knownKeys) =>
    process.env[from] === undefined ? `${name}=${knownKeys[from]}` : `${name}=(that of ${from} here)`;
  return [
    `DRAGONPAY_MERCHANT_ID=${merchantId}`,
    'DRAGONPAY_ENVIRONMENT=test',
    show('DRAGONPAY_API_KEY', 'DRAGONPAY_API_KEY'),
    ...(proof.includes('hmac') ? [show('DRAGONPAY_HMAC_KEYS', 'DRAGONPAY_HMAC_KEYS')] : []),
    ...(proof.includes('sha1') ? [show('DRAGONPAY_SECRET_KEYS', 'DRAGONPAY_SECRET_KEYS')] : []),
    ...(proof.includes('rsa') && proof.length > 1 ? ['DRAGONPAY_TRANSITION=true'] : []),
    ...(hasPayouts ? [show('DRAGONPAY_PAYOUT_SECRET_KEYS', 'DRAGONPAY_SECRET_KEYS')] : []),
  ];
}
