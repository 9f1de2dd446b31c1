import { Command } from 'commander';
import type { TableNames } from '../../repository/kysely/table-names.js';
import type { CommandContext } from '../command-context.js';
import { type Check, skipped } from '../doctor/check.js';
import { examineEndpoint } from '../doctor/examine-endpoint.js';
import { examineGateway } from '../doctor/examine-gateway.js';
import { addTableOptions, gatewayOption, parseUrl, tableNames, wireOption, withPeer } from '../options.js';
import { exitCodes, type Report } from '../report.js';

interface DoctorOptions extends TableNames {
  readonly database?: string;
  readonly gateway?: string;
  readonly wire?: string;
  readonly json?: boolean;
}

/** `dragonpay-callback doctor`. */
export function doctorCommand(context: CommandContext): Command {
  const command = new Command('doctor')
    .description('Checks a running handler and its database for common problems, and says how to fix them.')
    .argument('<url>', 'URL of the handler, as registered with Dragonpay', parseUrl)
    .option('--database <url>', 'database of the handler (default: DATABASE_URL)')
    .addOption(gatewayOption())
    .addOption(wireOption());
  return addTableOptions(command)
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
The doctor changes nothing. It sends only forged callbacks, which are never stored, and reads the database in a
read-only transaction. Pass a URL with a password as DATABASE_URL: other users can read the arguments of a process.
Exit codes: 0 no problem found, 1 problems found, 2 usage error.`,
    )
    .action(async (url: string, options: DoctorOptions) =>
      context.report(await examine(url, options, context), options),
    );
}

async function examine(url: string, options: DoctorOptions, context: CommandContext): Promise<Report> {
  const [endpoint, database, gateway] = await Promise.all([
    examineEndpoint(url),
    checkDatabase(options, context),
    examineGateway(options, context),
  ]);
  const checks = [...endpoint, ...database, ...gateway];
  const problems = checks.filter(({ result }) => result === 'found');
  const sections = [
    ['Handler', endpoint],
    ['Database', database],
    ['Settings and keys', gateway],
  ] as const;
  return {
    exitCode: problems.length === 0 ? exitCodes.yes : exitCodes.no,
    text: [...sections.flatMap(([title, part]) => [title, ...part.map(describe), '']), conclude(problems)].join('\n'),
    json: { url, found: problems.length, checks },
  };
}

async function checkDatabase(options: DoctorOptions, { env }: CommandContext): Promise<Check[]> {
  const connectionString = options.database ?? env.DATABASE_URL;
  if (!connectionString?.trim()) return [skipped('database', 'neither --database nor DATABASE_URL is set')];
  const { examineDatabase } = await withPeer(import('../doctor/examine-database.js'));
  return examineDatabase(connectionString, tableNames(options));
}

const marks = { ok: 'ok', found: 'PROBLEM', skipped: 'skipped' } as const;

function describe({ check, result, what, fix }: Check): string {
  const line = `  ${marks[result].padEnd(7)}  ${check.padEnd(10)}  ${what}`;
  return fix === undefined ? line : `${line}\n${' '.repeat(23)}fix: ${fix}`;
}

function conclude(problems: readonly Check[]): string {
  if (problems.length === 0) return 'No problem found.';
  const names = problems.map(({ check }) => check).join(', ');
  return `${problems.length === 1 ? '1 problem' : `${problems.length} problems`} found: ${names}.`;
}
