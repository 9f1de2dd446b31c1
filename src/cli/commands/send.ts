import { createHash } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import { fieldHelp, isProofField } from '../../protocol/fields.js';
import { type CallbackFields, encodeCallback, signCallback } from '../../protocol/sign-callback.js';
import type { CommandContext } from '../command-context.js';
import { callUrl, type Reply } from '../http-call.js';
import { parseUrl, required, wireOption, withWire } from '../options.js';
import { escapeForTerminal, type Report } from '../report.js';
import { judgeReply } from '../send/judge-reply.js';
import { proofChoices, readSigningKeys, type SigningOptions } from '../send/read-signing-keys.js';

/** The options of `send`: fields by their names on the wire, and how they are sent. */
interface SendOptions extends SigningOptions {
  readonly txnid?: string;
  readonly refno?: string;
  readonly status: string;
  readonly message: string;
  readonly field?: CallbackFields;
  readonly method: 'POST' | 'GET';
  readonly wire?: string;
  readonly json?: boolean;
  readonly [name: string]: unknown;
}

/** `dragonpay-callback send`. */
export function sendCommand(context: CommandContext): Command {
  const command = new Command('send')
    .description('Sends one signed callback to a URL, shows the reply and judges it.')
    .argument('<url>', 'URL of the handler', parseUrl)
    .addOption(new Option('--kind <kind>', 'kind of the callback').choices(['payment', 'payout']).default('payment'))
    .option('--txnid <id>', 'id of the payment, or merchantTxnId of the payout (required)')
    .option('--refno <refno>', "Dragonpay's reference number (default: derived from the txnid)")
    .option('--status <letter>', 'status: S, F, P and so on', 'S')
    .option('--message <text>', 'message', '[000] BOG Reference No: test');
  for (const [name, hint] of Object.entries(fieldHelp)) command.option(`--${name} <value>`, hint);
  return command
    .option('--field <name=value>', 'any other field, or a proof that replaces the computed one; repeatable', addField)
    .addOption(new Option('--method <method>', 'HTTP method').choices(['POST', 'GET']).default('POST'))
    .addOption(
      new Option('--proof <proof>', 'proof to sign with (default: the strongest for which there is a key)').choices(
        proofChoices,
      ),
    )
    .option('--private-key-file <file>', 'RSA private key in PEM, for --proof rsa')
    .addOption(wireOption())
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Keys: DRAGONPAY_MERCHANT_ID with DRAGONPAY_HMAC_KEYS or DRAGONPAY_SECRET_KEYS, or DRAGONPAY_PAYOUT_SECRET_KEYS.
Exit codes: 0 accepted, 1 refused, 2 usage error, 3 not delivered, no reply or a 5xx.`,
    )
    .action(async (url: string, options: SendOptions) =>
      context.report(await send(url, options, withWire(options, context.env)), options),
    );
}

function addField(pair: string, fields: CallbackFields = {}): CallbackFields {
  const equals = pair.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('Expected name=value.');
  return { ...fields, [pair.slice(0, equals)]: pair.slice(equals + 1) };
}

async function send(url: string, options: SendOptions, env: CommandContext['env']): Promise<Report> {
  const { method, kind } = options;
  const txnid = required(options.txnid, '--txnid <id>');
  const { merchantId, keys, wire } = await readSigningKeys(options, env);
  const given = Object.entries(options.field ?? {});
  const toSign = given.filter(([name]) => !isProofField(name)).reduce(withField, fieldsOf(txnid, options, merchantId));
  const signed = signCallback(toSign, keys, { merchantId: merchantId ?? '', wire });
  const fields = given.filter(([name]) => isProofField(name)).reduce(withField, signed);
  const form = encodeCallback(fields);
  const answer =
    method === 'POST'
      ? await callUrl(url, { method, form })
      : await callUrl(`${url}${url.includes('?') ? '&' : '?'}${form}`, { method });
  const reply = withoutProofs(answer, signed);
  const { verdict, exitCode, why } = judgeReply(reply, method, `${kind} ${escapeForTerminal(txnid)}`);
  // Proofs are not printed: a reader could replay the callback with them.
  const shown = Object.fromEntries(Object.entries(fields).filter(([name]) => !isProofField(name)));
  const proofs = Object.keys(fields).filter(isProofField);
  return {
    exitCode,
    json: { verdict, why, request: { method, url, kind, fields: shown, proofs }, reply },
    text: [
      `${method} ${escapeForTerminal(url)}`,
      ...Object.entries(shown).map(([name, value]) => `  ${escapeForTerminal(name)}=${escapeForTerminal(value)}`),
      `  signed by: ${proofs.map(escapeForTerminal).join(', ') || 'nothing'}`,
      describeReply(reply),
      `${verdict}: ${why}`,
    ].join('\n'),
  };
}

function fieldsOf(txnid: string, options: SendOptions, merchantId: string | undefined): Record<string, string> {
  const { kind, status, message, refno = refnoOf(txnid) } = options;
  const fields: Record<string, string> =
    kind === 'payment' ? { txnid, refno, status, message } : { merchantTxnId: txnid, refNo: refno, status, message };
  for (const name of Object.keys(fieldHelp)) {
    const value = options[name] ?? (name === 'merchantid' && kind === 'payment' ? merchantId : undefined);
    if (typeof value === 'string') fields[name] = value;
  }
  return fields;
}

/** Replaces a field. The letter case of its name does not matter. */
function withField(fields: CallbackFields, [name, value]: readonly [string, string]): Record<string, string> {
  const others = Object.entries(fields).filter(([other]) => other.toLowerCase() !== name.toLowerCase());
  return Object.fromEntries([...others, [name, value]]);
}

/** Derives a reference number from a txnid, so that a txnid always has the same one, as at Dragonpay. */
function refnoOf(txnid: string): string {
  return createHash('sha256').update(txnid).digest('hex').slice(0, 12).toUpperCase();
}

/** Removes proofs from a reply: a redirect may repeat the query, and an error page the body. */
function withoutProofs(reply: Reply, signed: CallbackFields): Reply {
  if (!reply.answered) return reply;
  const proofs = Object.entries(signed).flatMap(([name, value]) =>
    isProofField(name) ? [value, encodeURIComponent(value), encodeCallback({ '': value }).slice(1)] : [],
  );
  const redacted = (text: string) => proofs.reduce((rest, proof) => rest.replaceAll(proof, '(a proof)'), text);
  const headers = Object.entries(reply.headers).map(([name, value]) => [name, redacted(value)]);
  return { ...reply, headers: Object.fromEntries(headers), body: redacted(reply.body) };
}

function describeReply(reply: Reply): string {
  if (!reply.answered) return `no reply after ${reply.milliseconds} ms: ${escapeForTerminal(reply.reason)}`;
  const { status, contentType, body, milliseconds } = reply;
  const shown = body.length > 500 ? `${body.slice(0, 500)}...` : body;
  return `${status} ${escapeForTerminal(contentType ?? 'without a content type')} after ${milliseconds} ms\n  ${escapeForTerminal(shown)}`;
}
