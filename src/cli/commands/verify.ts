import { buffer } from 'node:stream/consumers';
import { Command } from 'commander';
import { diagnoseCallback } from '../../diagnosis/diagnose-callback.js';
import type { RefusedCallback } from '../../observability/refused-callbacks.js';
import { resolveSettings } from '../../settings/resolve-settings.js';
import type { CommandContext } from '../command-context.js';
import { gatewayOption, parseNumberFrom, settingsWithGateway, wireOption } from '../options.js';
import { CommandFailure, exitCodes } from '../report.js';
import { describeDiagnosis } from '../verify/describe-diagnosis.js';
import { describeExplanation } from '../verify/describe-explanation.js';
import { explainCallback } from '../verify/explain-callback.js';

interface VerifyOptions {
  readonly gateway?: string;
  readonly wire?: string;
  readonly json?: boolean;
  readonly diagnose?: true | number;
}

const exitCodeOf = { valid: exitCodes.yes, invalid: exitCodes.no, 'keys-unavailable': exitCodes.unknown } as const;

/** Nothing is logged: the explanation says why keys could not be fetched. */
const silent = { keysFailed: () => {} };

/** `dragonpay-callback verify`. */
export function verifyCommand(context: CommandContext): Command {
  return new Command('verify')
    .description('Reads a callback from standard input and explains step by step whether it is valid.')
    .addOption(gatewayOption())
    .addOption(wireOption())
    .option(
      '--diagnose [seconds]',
      'search for the reading of the wire by which the proofs hold (default: for 2 seconds)',
      parseNumberFrom(1),
    )
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Standard input: the query string, the body or the whole URL of one callback, or one that the setting keepRefused kept,
in JSON.
Keys: the same DRAGONPAY_* variables as for the handler. No key and no expected proof is printed.
Exit codes: 0 valid, 1 invalid, 2 usage error, 3 the public keys could not be fetched.`,
    )
    .action(async (options: VerifyOptions) => {
      const { stdin, stderr } = context;
      const given = { ...settingsWithGateway(options, context), hooks: silent };
      const settings = resolveSettings(given);
      if (stdin.isTTY) stderr.write('Paste the query string, the body or the URL, and press Ctrl-D.\n');
      const input = readInput(await buffer(stdin));
      const explanation = await explainCallback(input, settings);
      const exitCode = exitCodeOf[explanation.outcome];
      const lines = [describeExplanation(explanation)];
      const { diagnose: seconds } = options;
      const limit = typeof seconds === 'number' ? { milliseconds: 1_000 * seconds } : {};
      const diagnosis = seconds === undefined ? undefined : await diagnoseCallback(input.form, given, limit);
      if (diagnosis !== undefined) lines.push(describeDiagnosis(diagnosis));
      const json = diagnosis === undefined ? explanation : { ...explanation, diagnosis };
      context.report({ exitCode, json, text: lines.join('\n') }, options);
    });
}

/**
 * Splits the input into the form and the method that it suggests: GET for a URL or a query string with `?`. A callback
 * that the setting `keepRefused` kept is JSON with the form and the method.
 */
function readInput(bytes: Buffer): { readonly form: string; readonly method: 'GET' | 'POST' } {
  const text = bytes.toString('utf8').trim();
  if (text.startsWith('{')) return readKept(text);
  // Bytes that are not UTF-8 stay as they are, as in a server. Only a byte order mark and line breaks around the form
  // are removed.
  const form = bytes.toString('latin1').replace(/[\u0080-\u00ff]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);
  const line = form.replace(/^(?:%ef%bb%bf)?[\r\n]*|[\r\n]+$/g, '');
  if (line === '') throw new CommandFailure('standard input is empty: pass one callback');
  if (/[\r\n]/.test(line)) throw new CommandFailure('standard input has more than one line: pass one callback');
  const query = line.indexOf('?');
  if (!/^(?:https?:\/)?\//i.test(line) && query !== 0) return { form: line, method: 'POST' };
  if (query < 0) throw new CommandFailure('the URL on standard input has no query');
  return { form: line.slice(query + 1).split('#', 1)[0] ?? '', method: 'GET' };
}

function readKept(text: string): { readonly form: string; readonly method: 'GET' | 'POST' } {
  try {
    const { form, method } = JSON.parse(text) as Partial<RefusedCallback>;
    if (typeof form === 'string') return { form, method: method === 'GET' ? 'GET' : 'POST' };
  } catch {
    // The parser's message would quote the text.
  }
  throw new CommandFailure('standard input starts with "{" and must then be one callback of keepRefused, in JSON');
}
