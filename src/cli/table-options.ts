import type { Command } from 'commander';
import type { TableNames } from '../repository/kysely/table-names.js';

/** `--schema`, `--transactions`, `--payouts` and `--callbacks`: for tables that have other names. */
export function addTableOptions(command: Command): Command {
  return command
    .option('--schema <name>', 'the schema of the tables')
    .option('--transactions <name>', 'the table of payments')
    .option('--payouts <name>', 'the table of payouts')
    .option('--callbacks <name>', 'the table of the inbox');
}

/** The names that were given. */
export function tableNames({ schema, transactions, payouts, callbacks }: TableNames): TableNames {
  return {
    ...(schema !== undefined && { schema }),
    ...(transactions !== undefined && { transactions }),
    ...(payouts !== undefined && { payouts }),
    ...(callbacks !== undefined && { callbacks }),
  };
}
