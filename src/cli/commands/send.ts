import { createHash } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CallbackKind } from '../../protocol/kinds.js';
import { type CallbackFields, encodeCallback, signCallback } from '../../protocol/sign-callback.js';
import { asUrl } from '../as-url.js';
import { exitCodes } from '../command-failure.js';
import { callUrl, type Reply } from '../http-call.js';
import { printable, type Report, report } from '../report.js';
import { proofChoices, type SigningWish, signingKeys } from '../signing-keys.js';

/** The options of `send`: fields by their names on the wire, and how they are sent. */
interface SendOptions extends SigningWish {
  readonly txnid: string;
  readonly refno?: string;
  readonly status: string;
  readonly message: string;
  readonly field?: CallbackFields;
  readonly method: 'POST' | 'GET';
  readonly json?: boolean;
  readonly [name: string]: unknown;
}

const optionalFields = {
  merchantid: 'DRAGONPAY_MERCHANT_ID when not given',
  amount: 'such as 100.00',
  ccy: 'such as PHP',
  param1: '',
  param2: '',
  procid: 'the channel, such as BOG',
  settledate: 'YYYY-MM-DD',
} as const;

/** `dragonpay-callback send`. */
export function sendCommand(): Command {
  const command = new Command('send')
    .description('Sends one signed callback to a URL, shows the reply, and judges it.')
    .argument('<url>', 'where the handler is', asUrl)
    .addOption(new Option('--kind <kind>', 'what it is about').choices(['payment', 'payout']).default('payment'))
    .requiredOption('--txnid <id>', 'the payment; of a payout, its merchantTxnId')
    .option('--refno <refno>', "Dragonpay's number (default: made from the txnid)")
    .option('--status <letter>', 'S, F, P and so on', 'S')
    .option('--message <text>', 'the message', '[000] BOG Reference No: test');
  for (const [name, hint] of Object.entries(optionalFields)) command.option(`--${name} <value>`, hint);
  return command
    .option('--field <name=value>', 'any field, also a proof instead of the right one; may be repeated', addField)
    .addOption(new Option('--method <method>', 'how it is sent').choices(['POST', 'GET']).default('POST'))
    .addOption(
      new Option('--proof <proof>', 'what it is signed with (default: the strongest there is a key for)').choices(
        proofChoices,
      ),
    )
    .option('--private-key-file <file>', 'RSA private key in PEM, for --proof rsa')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Keys: DRAGONPAY_MERCHANT_ID with DRAGONPAY_HMAC_KEYS or DRAGONPAY_SECRET_KEYS, or DRAGONPAY_PAYOUT_SECRET_KEYS.
Exit codes: 0 accepted, 1 refused, 2 called wrongly, 3 no reply or a 5xx: perhaps not stored.`,
    )
    .action(async (url: string, options: SendOptions) => report(await send(url, options), options));
}

function addField(pair: string, fields: CallbackFields = {}): CallbackFields {
  const equals = pair.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('It is no name=value.');
  return { ...fields, [pair.slice(0, equals)]: pair.slice(equals + 1) };
}

async function send(url: string, options: SendOptions): Promise<Report> {
  const { method, kind } = options;
  const { merchantId, keys } = await signingKeys(options, process.env);
  const given = Object.entries(options.field ?? {});
  const toSign = given.filter(([name]) => !isProof(name)).reduce(withField, fieldsOf(options, merchantId));
  const signed = signCallback(toSign, keys, { merchantId: merchantId ?? '' });
  const fields = given.filter(([name]) => isProof(name)).reduce(withField, signed);
  const form = encodeCallback(fields);
  const answer =
    method === 'POST'
      ? await callUrl(url, { method, form })
      : await callUrl(`${url}${url.includes('?') ? '&' : '?'}${form}`, { method });
  const reply = withoutProofs(answer, signed);
  const { verdict, exitCode, why } = judge(reply, method);
  // A proof can be replayed: it is for the handler alone.
  const shown = Object.fromEntries(Object.entries(fields).filter(([name]) => !isProof(name)));
  const proofs = Object.keys(fields).filter(isProof);
  return {
    exitCode,
    json: { verdict, why, request: { method, url, kind, fields: shown, proofs }, reply },
    text: [
      `${method} ${printable(url)}`,
      ...Object.entries(shown).map(([name, value]) => `  ${printable(name)}=${printable(value)}`),
      `  signed by: ${proofs.map(printable).join(', ') || 'nothing'}`,
      describeReply(reply),
      `${verdict}: ${why}`,
    ].join('\n'),
  };
}

function fieldsOf(options: SendOptions, merchantId: string | undefined): Record<string, string> {
  const { kind, txnid, status, message, refno = refnoOf(txnid) } = options;
  const fields: Record<string, string> =
    kind === 'payment' ? { txnid, refno, status, message } : { merchantTxnId: txnid, refNo: refno, status, message };
  for (const name of Object.keys(optionalFields)) {
    const value = options[name] ?? (name === 'merchantid' && isPayment(kind) ? merchantId : undefined);
    if (typeof value === 'string') fields[name] = value;
  }
  return fields;
}

/** Names are the same in any letter case. */
function withField(fields: CallbackFields, [name, value]: readonly [string, string]): Record<string, string> {
  const others = Object.entries(fields).filter(([other]) => other.toLowerCase() !== name.toLowerCase());
  return Object.fromEntries([...others, [name, value]]);
}

function isPayment(kind: CallbackKind): boolean {
  return kind === 'payment';
}

/** The same for a txnid each time, as Dragonpay's is. */
function refnoOf(txnid: string): string {
  return createHash('sha256').update(txnid).digest('hex').slice(0, 12).toUpperCase();
}

function isProof(name: string): boolean {
  return ['digest', 'signature', 'signatures'].includes(name.toLowerCase());
}

/** A redirect repeats the query, and an error page may repeat the body. */
function withoutProofs(reply: Reply, signed: CallbackFields): Reply {
  if (!reply.answered) return reply;
  const proofs = Object.entries(signed).flatMap(([name, value]) =>
    isProof(name) ? [value, encodeURIComponent(value), encodeCallback({ '': value }).slice(1)] : [],
  );
  const redacted = (text: string) => proofs.reduce((rest, proof) => rest.replaceAll(proof, '(a proof)'), text);
  const headers = Object.entries(reply.headers).map(([name, value]) => [name, redacted(value)]);
  return { ...reply, headers: Object.fromEntries(headers), body: redacted(reply.body) };
}

function describeReply(reply: Reply): string {
  if (!reply.answered) return `no reply after ${reply.milliseconds} ms: ${printable(reply.reason)}`;
  const { status, contentType, body, milliseconds } = reply;
  const shown = body.length > 500 ? `${body.slice(0, 500)}...` : body;
  return `${status} ${printable(contentType ?? 'without a content type')} after ${milliseconds} ms\n  ${printable(shown)}`;
}

function judge(reply: Reply, method: 'POST' | 'GET') {
  if (!reply.answered || reply.status >= 500) {
    return {
      verdict: 'perhaps not stored',
      exitCode: exitCodes.unknown,
      why: 'nobody can say whether it was stored; to send it again is safe',
    } as const;
  }
  const { status, body } = reply;
  if (status >= 300) {
    const what = status < 400 ? 'a redirect: something in front of the handler has answered' : 'nothing was stored';
    return { verdict: 'refused', exitCode: exitCodes.no, why: what } as const;
  }
  if (body.trim() === 'result=OK') {
    return {
      verdict: 'accepted',
      exitCode: exitCodes.yes,
      why: 'it is verified, and what there is to store is stored',
    } as const;
  }
  if (method === 'GET') {
    return {
      verdict: 'answered',
      exitCode: exitCodes.yes,
      why: 'a page for the payer: it tells nothing of the store',
    } as const;
  }
  return {
    verdict: 'answered otherwise',
    exitCode: exitCodes.no,
    why: 'Dragonpay expects the line result=OK: is it the handler that has answered?',
  } as const;
}
