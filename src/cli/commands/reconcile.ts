import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { createDragonpay, type Dragonpay } from '../../create-dragonpay.js';
import type { HandlerClass } from '../../decorators/handler-metadata.js';
import { type ReconcileReport, reconcileDefaults } from '../../operations/reconcile.js';
import type { TableNames } from '../../repository/kysely/table-names.js';
import type { CliIo, CommandContext } from '../command-context.js';
import { databaseOf } from '../databases/find-database.js';
import {
  addTableOptions,
  gatewayOption,
  parseNumberFrom,
  required,
  settingsWithGateway,
  tableNames,
  wireOption,
  withPeer,
  withWire,
} from '../options.js';
import { CommandFailure, errorText, exitCodes, type Report } from '../report.js';

interface ReconcileCommandOptions extends TableNames {
  readonly module?: string;
  readonly gateway?: string;
  readonly wire?: string;
  readonly olderThan: number;
  readonly limit: number;
  readonly concurrency: number;
  readonly txnid?: readonly string[];
  readonly json?: boolean;
}

/** The exports of the merchant's module, at least one of them. */
interface MerchantModule {
  readonly dragonpay?: Dragonpay;
  readonly handler?: HandlerClass;
}

/** The receiver that makes the inquiries. `close` also closes a database that the command opened. */
interface Receiver {
  readonly dragonpay: Dragonpay;
  close(): Promise<unknown>;
}

/** `dragonpay-callback reconcile`. */
export function reconcileCommand(context: CommandContext): Command {
  const { olderThan, limit, concurrency } = reconcileDefaults;
  const command = new Command('reconcile')
    .description('Asks the gateway once about open payments and runs the @OnStatus methods for the answers.')
    .option('--module <file>', 'JavaScript module that exports `handler`, `dragonpay` or both (required)')
    .option(
      '--older-than <minutes>',
      'minimum time since the last callback or inquiry',
      parseNumberFrom(0),
      olderThan / 60_000,
    )
    .option('--limit <number>', 'maximum number of payments', parseNumberFrom(1), limit)
    .option('--concurrency <number>', 'maximum number of calls at a time', parseNumberFrom(1), concurrency)
    .option('--txnid <id>', 'a payment to ask about, whatever its status and age; may be repeated', append)
    .addOption(gatewayOption())
    .addOption(wireOption());
  return addTableOptions(command)
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
The module exports the class whose @OnStatus methods run as \`handler\`, and the result of createDragonpay() as
\`dragonpay\`. Without \`dragonpay\`, the settings come from the DRAGONPAY_* variables, and the database from DATABASE_URL.
Without \`handler\`, all endpoints must use the same class. Without a class no row changes: a status is reached only
once, so an effect that did not run then would never run.
Exit codes: 0 done, 1 some payments failed or the run was interrupted, 2 usage error, 3 the database failed.`,
    )
    .action(async (options: ReconcileCommandOptions) => context.report(await reconcile(options, context), options));
}

function append(text: string, texts: readonly string[] = []): readonly string[] {
  return [...texts, text];
}

async function reconcile(options: ReconcileCommandOptions, context: CommandContext): Promise<Report> {
  const { txnid: txnids, limit, concurrency, olderThan } = options;
  // The module reads DRAGONPAY_WIRE from the environment of the process.
  Object.assign(process.env, withWire(options, {}));
  const exported = await importModule(required(options.module, '--module <file>'));
  const { handler } = exported;
  const { dragonpay, close } = await receiverOf(exported, options, context);
  const most = txnids === undefined ? limit : new Set(txnids).size;
  const counts = { asked: 0, applied: 0, failed: 0 };
  const show = () => {
    showProgress(
      context,
      counts.asked / most,
      `${counts.asked} of at most ${most}, ${counts.applied} changed, ${counts.failed} failed`,
    );
  };
  show();
  try {
    const result = await dragonpay.reconcile({
      ...(txnids === undefined ? { olderThan: olderThan * 60_000, limit } : { txnids }),
      ...(handler && { handler }),
      concurrency,
      signal: context.stopOnSignal(),
      inquired: (event) => {
        counts.asked++;
        if (event.result === 'applied' || event.result === 'failed') counts[event.result]++;
        show();
      },
    });
    return toReport(result);
  } finally {
    if (context.stderr.isTTY) context.stderr.write(clearLine);
    await close();
  }
}

/**
 * Returns the receiver that the module exports. Without one, makes it from the settings and the database of the
 * environment.
 */
async function receiverOf(
  { dragonpay }: MerchantModule,
  options: ReconcileCommandOptions,
  context: CommandContext,
): Promise<Receiver> {
  const names = tableNames(options);
  const [unused] = Object.keys({ ...(options.gateway && { gateway: true }), ...names });
  if (dragonpay !== undefined) {
    if (unused === undefined) return { dragonpay, close: () => dragonpay.close() };
    throw new CommandFailure(`--${unused} must be left out: --module exports a \`dragonpay\`, which has its own`);
  }
  const url = context.env.DATABASE_URL;
  if (!url?.trim()) {
    throw new CommandFailure('set DATABASE_URL, or export the result of createDragonpay() as `dragonpay` in --module');
  }
  const settings = settingsWithGateway(options, context);
  const { KyselyRepository } = await withPeer(import('../../repository/kysely/kysely-repository.js'));
  const { dialect, open } = await withPeer(databaseOf(url));
  // Each effect takes a connection. All other statements share the two additional ones.
  const db = await open(url, options.concurrency + 2);
  try {
    const made = createDragonpay({ ...settings, repository: new KyselyRepository(db, { ...names, dialect }) });
    return { dragonpay: made, close: () => made.close().finally(() => db.destroy()) };
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

const clearLine = '\r\u001b[2K';

/** Draws a progress bar on stderr, if stderr is a terminal. */
function showProgress({ stderr }: Pick<CliIo, 'stderr'>, part: number, text: string): void {
  if (!stderr.isTTY) return;
  const filled = Math.round(Math.min(part, 1) * 24);
  stderr.write(`${clearLine}[${'#'.repeat(filled)}${'-'.repeat(24 - filled)}] ${text}`);
}

async function importModule(file: string): Promise<MerchantModule> {
  let exported: Record<string, unknown>;
  try {
    exported = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new CommandFailure(`--module ${file} cannot be imported: ${errorText(error)}`);
  }
  // A CommonJS module has its exports in `default`.
  const { default: fallback } = exported as { default?: Record<string, unknown> };
  const dragonpay = exported.dragonpay ?? fallback?.dragonpay;
  const handler = exported.handler ?? fallback?.handler;
  if (dragonpay === undefined && handler === undefined) {
    throw new CommandFailure(`--module ${file} must export a class with @OnStatus methods as \`handler\``);
  }
  if (dragonpay !== undefined && typeof (dragonpay as Dragonpay | null)?.reconcile !== 'function') {
    throw new CommandFailure(`--module ${file} must export the result of createDragonpay() as \`dragonpay\``);
  }
  if (handler !== undefined && typeof handler !== 'function') {
    throw new CommandFailure(`--module ${file} exports a \`handler\` that is not a class`);
  }
  return {
    ...(dragonpay !== undefined && { dragonpay: dragonpay as Dragonpay }),
    ...(handler !== undefined && { handler: handler as HandlerClass }),
  };
}

const meanings: Readonly<Record<Exclude<keyof ReconcileReport, 'stopped'>, string>> = {
  asked: 'payments asked about',
  applied: 'changed',
  unchanged: 'unchanged',
  review: 'need review',
  notKnown: 'unknown to the gateway',
  failed: 'failed; a later run asks again',
  caughtUp: 'callbacks that came before their row, now applied',
  skipped: 'skipped: another process is asking, or there is no row',
};

function toReport(result: ReconcileReport): Report {
  const lines = Object.entries(meanings).map(([name, meaning]) => {
    return `${String(result[name as keyof typeof meanings]).padStart(6)}  ${meaning}`;
  });
  if (result.stopped) lines.push('The run stopped early.');
  const isComplete = result.failed === 0 && !result.stopped;
  return { exitCode: isComplete ? exitCodes.yes : exitCodes.no, text: lines.join('\n'), json: result };
}
