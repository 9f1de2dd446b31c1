import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { TableNames } from '../repository/kysely/table-names.js';
import type { DragonpaySettings } from '../settings/settings.js';
import { settingsFromEnv } from '../settings/settings-from-env.js';
import type { CommandContext } from './command-context.js';
import { CommandFailure, exitCodes } from './report.js';

/** Parses the URL of a handler or a gateway. @throws InvalidArgumentError, CommandFailure */
export function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new InvalidArgumentError('Expected an http or https URL.');
  }
  // An InvalidArgumentError is not used, because Commander would print the value.
  if (url.username !== '' || url.password !== '') {
    throw new CommandFailure('the URL must not contain a user name or password');
  }
  url.hash = '';
  return url.href;
}

/** Returns a parser for numbers that are at least `least`. */
export function parseNumberFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < least) {
      throw new InvalidArgumentError(`Expected a number, ${least} or more.`);
    }
    return value;
  };
}

/** Parses a TCP port. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (text.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError('Expected a port, 0 to 65535.');
  }
  return port;
}

/**
 * The value of an option that the command requires. Commander's own `requiredOption` would complain about the missing
 * option before it names a misspelt one.
 * @throws CommandFailure
 */
export function required(value: string | undefined, flags: string): string {
  if (value === undefined) throw new CommandFailure(`option '${flags}' is required`);
  return value;
}

/** `--gateway`: the URL of a sandbox that replaces the gateway of DRAGONPAY_ENVIRONMENT. */
export function gatewayOption(): Option {
  const description = 'URL of a gateway that replaces the one of DRAGONPAY_ENVIRONMENT, such as a sandbox';
  return new Option('--gateway <url>', description).argParser(parseUrl);
}

/** `--wire`: a file that replaces DRAGONPAY_WIRE. */
export function wireOption(): Option {
  return new Option('--wire <file>', 'JSON file with the setting `wire` (default: DRAGONPAY_WIRE)');
}

/**
 * The environment with the contents of the file of `--wire` as DRAGONPAY_WIRE.
 * @throws CommandFailure if the file cannot be read, or is not JSON
 */
export function withWire<Environment extends CommandContext['env']>(
  { wire: file }: { readonly wire?: string },
  env: Environment,
): Environment {
  if (file === undefined) return env;
  let text: string;
  try {
    text = readFileSync(file, 'utf8').replace(/^\ufeff/, '');
  } catch (error) {
    throw new CommandFailure(`--wire cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  try {
    JSON.parse(text);
  } catch {
    throw new CommandFailure('--wire must be a JSON file');
  }
  return { ...env, DRAGONPAY_WIRE: text };
}

/** The settings of the environment, with the gateway of `--gateway` and the file of `--wire` if they were given. */
export function settingsWithGateway(
  options: { readonly gateway?: string; readonly wire?: string },
  context: Pick<CommandContext, 'env'>,
): DragonpaySettings {
  const { gateway } = options;
  const env = withWire(options, context.env);
  if (gateway === undefined) return settingsFromEnv(env);
  return { ...settingsFromEnv({ ...env, DRAGONPAY_ENVIRONMENT: 'test' }), environment: { gateway } };
}

/** `--schema`, `--transactions`, `--payouts` and `--callbacks`: other names for the tables. */
export function addTableOptions(command: Command): Command {
  return command
    .option('--schema <name>', 'schema of the tables')
    .option('--transactions <name>', 'table of the payments')
    .option('--payouts <name>', 'table of the payouts')
    .option('--callbacks <name>', 'table of the inbox');
}

/** The table names that were given as options. */
export function tableNames({ schema, transactions, payouts, callbacks }: TableNames): TableNames {
  return {
    ...(schema !== undefined && { schema }),
    ...(transactions !== undefined && { transactions }),
    ...(payouts !== undefined && { payouts }),
    ...(callbacks !== undefined && { callbacks }),
  };
}

/** Awaits an import that needs an optional peer, such as kysely or a driver. A missing peer is a usage error. */
export async function withPeer<Module>(importing: Promise<Module>): Promise<Module> {
  try {
    return await importing;
  } catch (error) {
    const [, name] = /Cannot find package '([\w@/-]+)'/.exec((error as Error).message) ?? [];
    if (name === undefined) throw error;
    throw new CommandFailure(
      `this command needs the package ${name}: run npm install ${name} in the project`,
      exitCodes.usage,
    );
  }
}
