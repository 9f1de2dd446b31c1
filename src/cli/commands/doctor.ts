import { Command } from 'commander';
import type { TableNames } from '../../repository/kysely/table-names.js';
import { asUrl } from '../as-url.js';
import { exitCodes } from '../command-failure.js';
import { type Check, skipped } from '../doctor/check.js';
import { examineEndpoint } from '../doctor/examine-endpoint.js';
import { examineGateway } from '../doctor/examine-gateway.js';
import { gatewayOption } from '../gateway-option.js';
import { withPeer } from '../peer-package.js';
import { type Report, report } from '../report.js';
import { addTableOptions, tableNames } from '../table-options.js';

interface DoctorOptions extends TableNames {
  readonly database?: string;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `dragonpay-callback doctor`. */
export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description('Finds what is usually wrong with a running handler and its database, and says how to mend it.')
    .argument('<url>', 'where the handler is, as it is registered with Dragonpay', asUrl)
    .option('--database <url>', 'the database of the handler (default: DATABASE_URL)')
    .addOption(gatewayOption());
  return addTableOptions(command)
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
It changes nothing: it sends forged callbacks only, which are not stored, and reads the database in a transaction that
can only read. An address with a password belongs into DATABASE_URL: others can read the arguments of a process.
Exit codes: 0 nothing found, 1 something found, 2 called wrongly.`,
    )
    .action(async (url: string, options: DoctorOptions) => report(await examine(url, options), options));
}

async function examine(url: string, options: DoctorOptions): Promise<Report> {
  const [endpoint, database, gateway] = await Promise.all([
    examineEndpoint(url),
    databaseOf(options),
    examineGateway(options),
  ]);
  const checks = [...endpoint, ...database, ...gateway];
  const count = checks.filter(({ result }) => result === 'found').length;
  const verdict = count === 0 ? 'Nothing was found.' : `${count} found.`;
  return {
    exitCode: count === 0 ? exitCodes.yes : exitCodes.no,
    text: [...checks.map(describe), verdict].join('\n'),
    json: { url, found: count, checks },
  };
}

async function databaseOf(options: DoctorOptions): Promise<Check[]> {
  const connectionString = options.database ?? process.env.DATABASE_URL;
  if (!connectionString?.trim()) return [skipped('database', 'neither --database nor DATABASE_URL is given')];
  const { examineDatabase } = await withPeer(import('../doctor/examine-database.js'));
  return examineDatabase(connectionString, tableNames(options));
}

function describe({ check, result, what, mend }: Check): string {
  const line = `${result.padEnd(7)}  ${check.padEnd(10)}  ${what}`;
  return mend === undefined ? line : `${line}\n${' '.repeat(21)}mend: ${mend}`;
}
