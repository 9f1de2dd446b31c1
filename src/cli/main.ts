#!/usr/bin/env node
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { DragonpayError } from '../errors.js';
import { CommandFailure, type ExitCode, exitCodes } from './command-failure.js';
import { oneLine } from './report.js';

/** Only the command that is named is loaded. */
const commands: Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<Command> }>> = {
  send: {
    summary: 'send one signed callback to a URL, and judge the reply',
    load: async () => (await import('./commands/send.js')).sendCommand(),
  },
  sandbox: {
    summary: 'run a gateway of your own: payments, signed postbacks, keys, inquiries',
    load: async () => (await import('./commands/sandbox.js')).sandboxCommand(),
  },
  verify: {
    summary: 'explain, step by step, whether a callback on standard input is valid',
    load: async () => (await import('./commands/verify.js')).verifyCommand(),
  },
  migrate: {
    summary: 'make the tables, take a step back, or tell what is done',
    load: async () => (await import('./commands/migrate.js')).migrateCommand(),
  },
  reconcile: {
    summary: 'ask the gateway once about payments that nobody heard of again',
    load: async () => (await import('./commands/reconcile.js')).reconcileCommand(),
  },
  doctor: {
    summary: 'find what is usually wrong with a running handler and its database',
    load: async () => (await import('./commands/doctor.js')).doctorCommand(),
  },
};

async function run(args: readonly string[]): Promise<void> {
  const { version } = createRequire(import.meta.url)('dragonpay-callback/package.json');
  const program = new Command('dragonpay-callback')
    .description("Tools around Dragonpay's callbacks. Keys are read from the DRAGONPAY_* environment variables.")
    .version(version)
    .configureHelp({ showGlobalOptions: false })
    .exitOverride();
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const command = args.includes(name) ? await load() : new Command(name);
    program.addCommand(command.summary(summary).description(command.description() || summary));
    overrideExits(command);
  }
  await program.parseAsync(args, { from: 'user' });
}

function overrideExits(command: Command): void {
  command.exitOverride();
  for (const each of command.commands) overrideExits(each);
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.yes : exitCodes.usage;
  if (error instanceof CommandFailure) return error.exitCode;
  if (DragonpayError.is(error) && error.code === 'invalid-setting') return exitCodes.usage;
  return exitCodes.unknown;
}

// The reader of a pipe may have heard enough.
process.stdout.on('error', () => process.exit());
try {
  await run(process.argv.slice(2));
} catch (error) {
  process.exitCode = exitCodeOf(error);
  // Commander has printed its own.
  if (!(error instanceof CommanderError)) console.error(`error: ${oneLine(error)}`);
}
// A pool or a connection that is kept alive is no reason to stay.
for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
process.exit();
