import type { ColumnType, Generated } from 'kysely';
import type { paymentTexts, payoutTexts } from '../../model/row-texts.js';

/** `procDetail` is the column `proc_detail`. */
export type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : '';

/** The columns of the texts of a row, by their names in snake case. */
export type TextColumns<Limits> = { [Name in keyof Limits & string as SnakeCase<Name>]: string | null };

interface MovableTable<Time> {
  refno: string | null;
  status: Generated<string>;
  /** The statuses that callbacks have brought, as letters. */
  reached: Generated<string>;
  amount: ColumnType<string, string, string>;
  currency: Generated<string>;
  created_at: Generated<Time>;
  modified_at: Generated<Time>;
}

/** `dragonpay_transactions`: one row for each payment. */
export interface PaymentsTable<Time = Date> extends MovableTable<Time>, TextColumns<typeof paymentTexts> {
  txnid: string;
  /** The time of the last inquiry about the payment. */
  inquired_at: Time | null;
  /** Until this time only one process asks the gateway about the payment. */
  inquiry_leased_until: Time | null;
}

/** `dragonpay_payouts`: one row for each payout. */
export interface PayoutsTable<Time = Date> extends MovableTable<Time>, TextColumns<typeof payoutTexts> {
  merchant_txn_id: string;
}

/** `dragonpay_callbacks`, the inbox: one row for each distinct verified event. */
export interface CallbacksTable<Time = Date, List = string[]> {
  kind: string;
  id: string;
  refno: string;
  status: string;
  first_seen: Generated<Time>;
  last_seen: Generated<Time>;
  deliveries: Generated<number>;
  outcome: string;
  reasons: Generated<List>;
  proof: string;
  key_id: string;
  method: string | null;
  /** The form as received, with its proofs. */
  raw: string;
  /** Numbers the corrections by hand. 0: the event came from Dragonpay. */
  correction: Generated<number>;
  /** Until this time only one process applies an event that came before its row. */
  claimed_until: Time | null;
  /** Tells apart events that differ in a value that both proofs cover. */
  fingerprint: Generated<string>;
  /** The forms of deliveries that did not fit, while the event is not applied. */
  forms: string | null;
}

/**
 * The tables of this package, as node-postgres reads them. Merge them into the `Database` type of your
 * `Kysely<Database>`. In other databases, take `MysqlDragonpayTables` or `SqliteDragonpayTables`.
 */
export interface DragonpayTables<Time = Date, List = string[]> {
  dragonpay_transactions: PaymentsTable<Time>;
  dragonpay_payouts: PayoutsTable<Time>;
  dragonpay_callbacks: CallbacksTable<Time, List>;
}
