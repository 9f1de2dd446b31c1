import type { Generated } from 'kysely';
import type { DragonpayTables } from '../../src/kysely.js';

/** The statuses with an `@OnStatus` method in the campaign. Other statuses are stored without a transaction. */
export const paymentEffects = ['S', 'F', 'V', 'R', 'K', 'P'] as const;
export const payoutEffects = ['S', 'F', 'G'] as const;

/** The effects that `@OnStatus` methods write. The table has no key, so that a doubled effect shows. */
export interface EffectsTable {
  number: Generated<number>;
  kind: string;
  id: string;
  status: string;
  previous: string;
  late: boolean;
  /** The merchant's foreign key to the payment. */
  txnid: string | null;
  /** Refers to an order. Checked only at COMMIT. */
  fault_order: number;
}

export interface FaultsDatabase extends DragonpayTables {
  fault_effects: EffectsTable;
}

export const effectsTables = [
  'create table fault_orders (number integer primary key)',
  'insert into fault_orders values (1)',
  `create table fault_effects (
  number bigint generated always as identity primary key,
  kind text not null, id text not null, status text not null, previous text not null, late boolean not null,
  txnid varchar(40) collate "C" references dragonpay_transactions,
  fault_order integer not null references fault_orders deferrable initially deferred
)`,
];
