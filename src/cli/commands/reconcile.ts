import { pathToFileURL } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import type { Dragonpay } from '../../create-dragonpay.js';
import type { HandlerClass } from '../../decorators/handler-metadata.js';
import { type ReconcileReport, reconcileDefaults } from '../../operations/reconcile.js';
import { CommandFailure, exitCodes } from '../command-failure.js';
import { ProgressBar } from '../progress-bar.js';
import { oneLine, type Report, report } from '../report.js';

interface ReconcileCommandOptions {
  readonly module: string;
  readonly olderThan: number;
  readonly limit: number;
  readonly concurrency: number;
  readonly txnid: readonly string[];
  readonly json?: boolean;
}

/** What the module exports. */
interface OwnReceiver {
  readonly dragonpay: Dragonpay;
  readonly handler?: HandlerClass;
}

/** `dragonpay-callback reconcile`. */
export function reconcileCommand(): Command {
  return new Command('reconcile')
    .description('Asks the gateway once about open payments, and runs the @OnStatus methods for what it says.')
    .requiredOption('--module <file>', 'JavaScript module that exports your `dragonpay`, and perhaps `handler`')
    .option(
      '--older-than <minutes>',
      'payments without news for so long',
      atLeast(0),
      reconcileDefaults.olderThan / 60_000,
    )
    .option('--limit <number>', 'at most so many payments', atLeast(1), reconcileDefaults.limit)
    .option('--concurrency <number>', 'so many calls at a time', atLeast(1), reconcileDefaults.concurrency)
    .option('--txnid <id>', 'this payment, whatever its status and age; may be repeated', append, [])
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
The module exports what createDragonpay() made, as \`dragonpay\`, and the class whose @OnStatus methods are to run, as
\`handler\`, unless all its endpoints have the same one. Without it no row is moved: a status is reached once, and an
effect that did not run then never will.
Exit codes: 0 done, 1 some payment failed or the run ended early, 2 called wrongly, 3 the database failed.`,
    )
    .action(async (options: ReconcileCommandOptions) => report(await reconcileOnce(options), options));
}

function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < least) {
      throw new InvalidArgumentError(`It is no number from ${least} on.`);
    }
    return value;
  };
}

function append(text: string, texts: readonly string[]): readonly string[] {
  return [...texts, text];
}

async function reconcileOnce(options: ReconcileCommandOptions): Promise<Report> {
  const { dragonpay, handler } = await importReceiver(options.module);
  const { txnid: txnids, limit, concurrency, olderThan } = options;
  const most = txnids.length > 0 ? new Set(txnids).size : limit;
  const bar = new ProgressBar(most);
  const counts = { asked: 0, applied: 0, failed: 0 };
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  bar.show(0, `0 of at most ${most}`);
  try {
    const result = await dragonpay.reconcile({
      ...(txnids.length > 0 ? { txnids } : { olderThan: olderThan * 60_000, limit }),
      ...(handler && { handler }),
      concurrency,
      signal: stopping.signal,
      inquired: (event) => {
        counts.asked++;
        if (event.result === 'applied' || event.result === 'failed') counts[event.result]++;
        bar.show(counts.asked, `${counts.asked} of at most ${most}, ${counts.applied} moved, ${counts.failed} failed`);
      },
    });
    return toReport(result);
  } finally {
    bar.end();
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await dragonpay.close();
  }
}

async function importReceiver(file: string): Promise<OwnReceiver> {
  let exported: Record<string, unknown>;
  try {
    exported = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new CommandFailure(`--module ${file} cannot be imported: ${oneLine(error)}`);
  }
  const { default: fallback } = exported as { default?: Record<string, unknown> };
  const { dragonpay, handler } = { ...(typeof fallback === 'object' && fallback), ...exported };
  if (typeof (dragonpay as Dragonpay | undefined)?.reconcile !== 'function') {
    throw new CommandFailure(`--module ${file} exports no \`dragonpay\` that createDragonpay() made: no row is moved`);
  }
  if (handler !== undefined && typeof handler !== 'function') {
    throw new CommandFailure(`--module ${file} exports a \`handler\` that is no class: no row is moved`);
  }
  return { dragonpay: dragonpay as Dragonpay, ...(handler !== undefined && { handler: handler as HandlerClass }) };
}

const meanings: Readonly<Record<Exclude<keyof ReconcileReport, 'stopped'>, string>> = {
  asked: 'payments asked about',
  applied: 'moved',
  unchanged: 'unchanged',
  review: 'kept for a second look',
  notKnown: 'not known to the gateway',
  failed: 'failed, asked about again by a later run',
  skipped: 'skipped: another process asks, or there is no row',
};

function toReport(result: ReconcileReport): Report {
  const lines = Object.entries(meanings).map(([name, meaning]) => {
    return `${String(result[name as keyof typeof meanings]).padStart(6)}  ${meaning}`;
  });
  if (result.stopped) lines.push('The run ended early.');
  const isWell = result.failed === 0 && !result.stopped;
  return { exitCode: isWell ? exitCodes.yes : exitCodes.no, text: lines.join('\n'), json: result };
}
