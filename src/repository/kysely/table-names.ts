/** Other names for the tables, and the schema that holds them. */
export interface TableNames {
  /** The schema. Default: the search path of the connection decides. */
  readonly schema?: string;
  /** The table of payments. Default: `dragonpay_transactions`. */
  readonly transactions?: string;
  /** The table of payouts. Default: `dragonpay_payouts`. */
  readonly payouts?: string;
  /** The table of callbacks, the inbox. Default: `dragonpay_callbacks`. */
  readonly callbacks?: string;
}

/** The tables, by the option that renames each. */
export type TableKey = 'transactions' | 'payouts' | 'callbacks';

/** Table names as SQL has them: quoted, with their schema. */
export type QuotedTables = Readonly<Record<TableKey, string>>;

/** The table of payments keeps the name that users of django-dragonpay know. */
const defaultNames: Readonly<Record<TableKey, string>> = {
  transactions: 'dragonpay_transactions',
  payouts: 'dragonpay_payouts',
  callbacks: 'dragonpay_callbacks',
};

/** The name of one table, without its schema and without quotes. */
export function tableName(names: TableNames, key: TableKey): string {
  return names[key] ?? defaultNames[key];
}

/** Quotes the names of the tables. Default: as standard SQL quotes names. */
export function quoteTables(names: TableNames = {}, quoteOne = quoteName): QuotedTables {
  const quote = (key: TableKey) => quoteInSchema(names, tableName(names, key), quoteOne);
  return { transactions: quote('transactions'), payouts: quote('payouts'), callbacks: quote('callbacks') };
}

/** Quotes the name of a table or an index, with the schema where there is one. */
export function quoteInSchema({ schema }: TableNames, name: string, quoteOne = quoteName): string {
  return schema === undefined ? quoteOne(name) : `${quoteOne(schema)}.${quoteOne(name)}`;
}

/** Quotes one SQL name. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
