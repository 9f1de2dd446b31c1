import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { TransactionRow } from 'dragonpay-callback';
import { encodeCallback, type SigningKeys, signCallback } from 'dragonpay-callback/testing';
import { signerSettings } from './dragonpay-settings.js';
import { oneLine } from './log.js';
import { shopSettings, urlOf } from './shop-settings.js';

const usage =
  'usage: npm run demo:callback -- --txnid T --status S [--method POST|GET] [--proof rsa|hmac|sha1] ' +
  '[--refno R] [--amount 100.00] [--message M]';

try {
  const callback = readFlags();
  if (callback === undefined) {
    console.error(usage);
    process.exitCode = 2;
  } else {
    await send(callback);
  }
} catch (error) {
  console.error(oneLine(error));
  process.exitCode = 1;
}

interface DemoCallback {
  readonly txnid: string;
  readonly status: string;
  readonly method: string;
  readonly proof: string | undefined;
  readonly refno: string | undefined;
  readonly amount: string | undefined;
  readonly message: string;
}

function readFlags(): DemoCallback | undefined {
  const text = { type: 'string' } as const;
  const options = { txnid: text, status: text, method: text, proof: text, refno: text, amount: text, message: text };
  try {
    const { values } = parseArgs({ options });
    const { txnid, status, method = 'POST', proof, refno, amount, message = '[000] BOG Reference No: demo' } = values;
    if (!txnid || !status || !['POST', 'GET'].includes(method)) return undefined;
    if (proof !== undefined && !['rsa', 'hmac', 'sha1'].includes(proof)) return undefined;
    return { txnid, status, method, proof, refno, amount, message };
  } catch (error) {
    console.error(oneLine(error));
    return undefined;
  }
}

/** Does what Dragonpay does: signs the payment as the shop knows it, sends it, and shows the answer. */
async function send({ txnid, status, method, proof, message, ...given }: DemoCallback): Promise<void> {
  const settings = shopSettings();
  const row = await ask(`${urlOf(settings)}/transactions/${encodeURIComponent(txnid)}`);
  if (row === undefined) console.log(`The shop knows no transaction ${txnid}.`);
  const { merchantId, keys } = await signerSettings(process.env, settings.dataFolder);
  const amount = given.amount ?? row?.amount;
  const fields = {
    txnid,
    refno: given.refno ?? row?.refno ?? refnoOf(txnid),
    status,
    message,
    merchantid: merchantId,
    ...(amount !== undefined && { amount }),
    ...(row !== undefined && { ccy: row.currency }),
    procid: 'BOG',
  };
  const form = encodeCallback(signCallback(fields, keyFor(proof, keys)));
  const url = `${urlOf(settings)}/dragonpay/callback`;
  const response =
    method === 'GET'
      ? await fetch(`${url}?${form}`)
      : await fetch(url, {
          method,
          headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
          body: form,
        });
  console.log(`${response.status} ${response.statusText}\n${await response.text()}`);
  if (!response.ok) process.exitCode = 1;
}

async function ask(url: string): Promise<TransactionRow | undefined> {
  const response = await fetch(url).catch((error: unknown) => {
    const reason = oneLine(error instanceof Error ? (error.cause ?? error) : error);
    throw new Error(`no shop answers at ${new URL(url).origin}, start it with npm start: ${reason}`);
  });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`the shop answers ${response.status} to a look at the transaction`);
  return (await response.json()) as TransactionRow;
}

/** The wanted proof's key alone; the strongest that there is, when none is wanted. */
function keyFor(wanted: string | undefined, keys: SigningKeys): SigningKeys {
  const { rsa, hmac, sha1 } = keys;
  if (rsa && (wanted ?? 'rsa') === 'rsa') return { rsa };
  if (wanted === 'rsa') throw new Error("RSA signatures are made with Dragonpay's private key, which nobody else has");
  if (hmac && (wanted ?? 'hmac') === 'hmac') return { hmac };
  if (sha1 && (wanted ?? 'sha1') === 'sha1') return { sha1 };
  const variable = wanted && (wanted === 'hmac' ? 'DRAGONPAY_HMAC_KEYS' : 'DRAGONPAY_SECRET_KEYS');
  throw new Error(
    `the environment gives no key to sign with: set ${variable ?? 'one of DRAGONPAY_HMAC_KEYS and DRAGONPAY_SECRET_KEYS'}`,
  );
}

/** The same for a txnid each time, as Dragonpay's is. */
function refnoOf(txnid: string): string {
  return createHash('sha256').update(txnid).digest('hex').slice(0, 12).toUpperCase();
}
