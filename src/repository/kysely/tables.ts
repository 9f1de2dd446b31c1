import type { ColumnType, Generated } from 'kysely';

/** `dragonpay_transactions`: one row a payment. */
export interface PaymentsTable {
  txnid: string;
  refno: string | null;
  status: Generated<string>;
  /** The statuses that callbacks have brought, as letters. */
  reached: Generated<string>;
  amount: ColumnType<string, string, string>;
  currency: string;
  description: string | null;
  email: string | null;
  param1: string | null;
  param2: string | null;
  procid: string | null;
  created_at: Generated<Date>;
  modified_at: Generated<Date>;
  /** When the gateway was last asked about it. */
  inquired_at: Date | null;
  /** Until when one process asks about it. */
  inquiry_leased_until: Date | null;
}

/** `dragonpay_payouts`: one row a payout. */
export interface PayoutsTable {
  merchant_txn_id: string;
  refno: string | null;
  status: Generated<string>;
  reached: Generated<string>;
  amount: ColumnType<string, string, string>;
  currency: string;
  description: string | null;
  user_id: string | null;
  user_name: string | null;
  email: string | null;
  mobile: string | null;
  procid: string | null;
  proc_detail: string | null;
  created_at: Generated<Date>;
  modified_at: Generated<Date>;
}

/** `dragonpay_callbacks`, the inbox: one row a distinct verified event. */
export interface CallbacksTable {
  kind: string;
  id: string;
  refno: string;
  status: string;
  first_seen: Generated<Date>;
  last_seen: Generated<Date>;
  deliveries: Generated<number>;
  outcome: string;
  reasons: string[];
  proof: string;
  key_id: string;
  method: string | null;
  /** The form as received, with its proofs. */
  raw: string;
  /** Numbers the corrections by hand; 0 for what Dragonpay said. */
  correction: Generated<number>;
}

/** The tables of this package, to be merged into a `Kysely<Database>` of one's own. */
export interface DragonpayTables {
  dragonpay_transactions: PaymentsTable;
  dragonpay_payouts: PayoutsTable;
  dragonpay_callbacks: CallbacksTable;
}
