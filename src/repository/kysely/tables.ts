import type { ColumnType, Generated } from 'kysely';
import type { paymentTexts, payoutTexts } from '../../model/row-texts.js';

/** `procDetail` is the column `proc_detail`. */
export type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : '';

/** The columns of the texts of a row, by their names in snake case. */
export type TextColumns<Limits> = { [Name in keyof Limits & string as SnakeCase<Name>]: string | null };

interface MovableTable {
  refno: string | null;
  status: Generated<string>;
  /** The statuses that callbacks have brought, as letters. */
  reached: Generated<string>;
  amount: ColumnType<string, string, string>;
  currency: Generated<string>;
  created_at: Generated<Date>;
  modified_at: Generated<Date>;
}

/** `dragonpay_transactions`: one row for each payment. */
export interface PaymentsTable extends MovableTable, TextColumns<typeof paymentTexts> {
  txnid: string;
  /** The time of the last inquiry about the payment. */
  inquired_at: Date | null;
  /** Until this time only one process asks the gateway about the payment. */
  inquiry_leased_until: Date | null;
}

/** `dragonpay_payouts`: one row for each payout. */
export interface PayoutsTable extends MovableTable, TextColumns<typeof payoutTexts> {
  merchant_txn_id: string;
}

/** `dragonpay_callbacks`, the inbox: one row for each distinct verified event. */
export interface CallbacksTable {
  kind: string;
  id: string;
  refno: string;
  status: string;
  first_seen: Generated<Date>;
  last_seen: Generated<Date>;
  deliveries: Generated<number>;
  outcome: string;
  reasons: Generated<string[]>;
  proof: string;
  key_id: string;
  method: string | null;
  /** The form as received, with its proofs. */
  raw: string;
  /** Numbers the corrections by hand. 0: the event came from Dragonpay. */
  correction: Generated<number>;
  /** Until this time only one process applies an event that came before its row. */
  claimed_until: Date | null;
  /** Tells events apart that differ in a value that both proofs cover. */
  fingerprint: Generated<string>;
  /** The forms of deliveries that did not fit, while the event is not applied. */
  forms: string | null;
}

/** The tables of this package. Merge them into the `Database` type of your `Kysely<Database>`. */
export interface DragonpayTables {
  dragonpay_transactions: PaymentsTable;
  dragonpay_payouts: PayoutsTable;
  dragonpay_callbacks: CallbacksTable;
}
