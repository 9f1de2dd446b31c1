import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { checkSettings } from '../../settings/check-settings.js';
import { CommandFailure, exitCodes } from '../command-failure.js';
import { gatewayOption, settingsWithGateway } from '../gateway-option.js';
import { report } from '../report.js';
import { describeExplanation } from '../verify/describe-explanation.js';
import { explainCallback } from '../verify/explain-callback.js';

/** `dragonpay-callback verify`. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('Reads a callback on standard input, and explains step by step whether it is valid.')
    .addOption(gatewayOption())
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Standard input: the query string, the body, or the whole URL of one callback.
Keys: the DRAGONPAY_* variables that the handler has. No key and no expected proof is printed.
Exit codes: 0 valid, 1 invalid, 2 called wrongly, 3 the public keys could not be fetched.`,
    )
    .action(async (options: { readonly gateway?: string; readonly json?: boolean }) => {
      const settings = checkSettings(settingsWithGateway(options));
      if (process.stdin.isTTY) console.error('Paste the query string, the body or the URL, and press Ctrl-D.');
      const explanation = await explainCallback(readInput(await text(process.stdin)), settings);
      const { outcome } = explanation;
      const exitCode = outcome === 'valid' ? exitCodes.yes : outcome === 'invalid' ? exitCodes.no : exitCodes.unknown;
      report({ exitCode, json: explanation, text: describeExplanation(explanation) }, options);
    });
}

/** The form, and how it came, as far as that shows. */
function readInput(input: string): { readonly form: string; readonly method: 'GET' | 'POST' } {
  const line = input.trim();
  if (line === '') throw new CommandFailure('there is no callback on standard input');
  if (/[\r\n]/.test(line)) throw new CommandFailure('standard input holds more than one line: give one callback');
  const query = line.indexOf('?');
  if (!/^(?:https?:\/)?\//i.test(line) && query !== 0) return { form: line, method: 'POST' };
  if (query < 0) throw new CommandFailure('the URL on standard input has no query');
  return { form: line.slice(query + 1).split('#', 1)[0] ?? '', method: 'GET' };
}
