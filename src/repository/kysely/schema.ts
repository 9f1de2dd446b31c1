import { paymentTexts, payoutTexts } from '../../model/row-texts.js';
import { type CallbackKind, callbackKinds } from '../../protocol/kinds.js';
import type { TableKey } from './table-names.js';
import type { CallbacksTable, PaymentsTable, PayoutsTable, TextColumns } from './tables.js';

/**
 * How a column of payments and payouts is used. `text`, `char` and `decimal` columns are inserted and read; `time`
 * columns are read; `internal` columns are used only by statements that name them.
 */
export type ColumnUse = 'text' | 'char' | 'decimal' | 'time' | 'internal';

/** One table, as the last migration leaves it. */
export interface TableSchema<Columns extends string = string> {
  /** The columns of the primary key. */
  readonly key: readonly Columns[];
  /** The compiler compares the names with tables.ts. */
  readonly columns: Readonly<Record<Columns, ColumnUse>>;
  /** The names of the other indexes, without the name of the table in front. */
  readonly indexes: readonly string[];
}

type RowColumns = 'refno' | 'status' | 'reached' | 'amount' | 'currency';
const rowColumns: Record<RowColumns, ColumnUse> = {
  refno: 'text',
  status: 'char',
  reached: 'text',
  amount: 'decimal',
  currency: 'char',
};
const rowTimes = { created_at: 'time', modified_at: 'time' } as const;

const transactions: TableSchema<keyof PaymentsTable> = {
  key: ['txnid'],
  columns: {
    txnid: 'text',
    ...rowColumns,
    ...textColumns(paymentTexts),
    ...rowTimes,
    inquired_at: 'internal',
    inquiry_leased_until: 'internal',
  },
  indexes: ['_open'],
};

const payouts: TableSchema<keyof PayoutsTable> = {
  key: ['merchant_txn_id'],
  columns: { merchant_txn_id: 'text', ...rowColumns, ...textColumns(payoutTexts), ...rowTimes },
  indexes: [],
};

const callbacks: TableSchema<keyof CallbacksTable> = {
  key: ['id', 'kind', 'refno', 'status', 'correction', 'fingerprint'],
  columns: {
    kind: 'internal',
    id: 'internal',
    refno: 'internal',
    status: 'internal',
    first_seen: 'internal',
    last_seen: 'internal',
    deliveries: 'internal',
    outcome: 'internal',
    reasons: 'internal',
    proof: 'internal',
    key_id: 'internal',
    method: 'internal',
    raw: 'internal',
    correction: 'internal',
    claimed_until: 'internal',
    fingerprint: 'internal',
    forms: 'internal',
  },
  indexes: ['_first_seen', '_review', '_early'],
};

/**
 * The columns, keys and indexes of each table: the statements, the mapping of rows and `doctor` read them here. To add
 * a column, add it here (a text: in model/row-texts.ts), in tables.ts, and in a new migration.
 */
export const schema: Readonly<Record<TableKey, TableSchema>> = { transactions, payouts, callbacks };

/** The table that holds the rows of each kind. */
export const tableOfKind = { payment: 'transactions', payout: 'payouts' } as const satisfies Record<
  CallbackKind,
  TableKey
>;

/** Calls a function for each kind, for example to make the texts of its statements. */
export function byKind<Made>(make: (kind: CallbackKind) => Made): Readonly<Record<CallbackKind, Made>> {
  return Object.fromEntries(callbackKinds.map((kind) => [kind, make(kind)])) as Record<CallbackKind, Made>;
}

function textColumns<Limits extends object>(limits: Limits): Record<keyof TextColumns<Limits>, ColumnUse> {
  return Object.fromEntries(Object.keys(limits).map((name) => [snakeCase(name), 'text' as const])) as Record<
    keyof TextColumns<Limits>,
    ColumnUse
  >;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `proc_detail` is the field `procDetail` of a row. */
export function camelCase(column: string): string {
  return column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
