import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { DragonpayError } from '../errors.js';
import type { CliIo, CommandContext } from './command-context.js';
import { CommandFailure, type ExitCode, errorText, exitCodes, formatReport } from './report.js';

interface CommandEntry {
  readonly summary: string;
  /** Imports the command, so that only the code of the command that runs is loaded. */
  readonly load: () => Promise<(context: CommandContext) => Command>;
}

const commands: Readonly<Record<string, CommandEntry>> = {
  send: {
    summary: 'send one signed callback to a URL and judge the reply',
    load: async () => (await import('./commands/send.js')).sendCommand,
  },
  sandbox: {
    summary: 'run a local gateway: payments, signed postbacks, keys, inquiries',
    load: async () => (await import('./commands/sandbox.js')).sandboxCommand,
  },
  verify: {
    summary: 'explain step by step whether a callback on standard input is valid',
    load: async () => (await import('./commands/verify.js')).verifyCommand,
  },
  migrate: {
    summary: 'create or update the tables, undo the last migration, or show the state',
    load: async () => (await import('./commands/migrate.js')).migrateCommand,
  },
  reconcile: {
    summary: 'ask the gateway once about payments that are still open',
    load: async () => (await import('./commands/reconcile.js')).reconcileCommand,
  },
  doctor: {
    summary: 'check a running handler and its database for common problems',
    load: async () => (await import('./commands/doctor.js')).doctorCommand,
  },
};

/**
 * Runs `dragonpay-callback` with these arguments. Resolves to the exit code and never rejects: errors are printed on
 * stderr.
 */
export async function runCli(args: readonly string[], io: CliIo): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.yes;
  const context: CommandContext = {
    ...io,
    stopOnSignal: () => io.stopOnSignal(),
    report(report, { json = false }) {
      io.stdout.write(formatReport(report, json));
      exitCode = report.exitCode;
    },
  };
  try {
    const program = await createProgram(args, context);
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has printed its own errors.
    if (!(error instanceof CommanderError)) io.stderr.write(`error: ${errorText(error)}\n`);
    return exitCodeOf(error);
  }
}

async function createProgram(args: readonly string[], context: CommandContext): Promise<Command> {
  const { stdout, stderr } = context;
  const { version } = createRequire(import.meta.url)('dragonpay-callback/package.json');
  const program = new Command('dragonpay-callback')
    .description("Tools for Dragonpay's callbacks. Keys are read from the DRAGONPAY_* environment variables.")
    .version(version)
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      getOutHelpWidth: () => stdout.columns ?? 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride();
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const command = args.includes(name) ? (await load())(context) : new Command(name);
    program.addCommand(command.summary(summary).description(command.description() || summary));
    inherit(command, program);
  }
  return program;
}

/** Commander passes these settings on only to commands that it creates itself. */
function inherit(command: Command, program: Command): void {
  command.copyInheritedSettings(program);
  for (const each of command.commands) inherit(each, program);
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.yes : exitCodes.usage;
  if (error instanceof CommandFailure) return error.exitCode;
  if (DragonpayError.is(error) && error.code === 'invalid-setting') return exitCodes.usage;
  return exitCodes.unknown;
}
