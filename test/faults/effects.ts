import type { Generated } from 'kysely';
import type { DragonpayTables } from '../../src/kysely.js';

/** The statuses with an `@OnStatus` method in the campaign. Other statuses are stored without a transaction. */
export const paymentEffects = ['S', 'F', 'V', 'R', 'K', 'P'] as const;
export const payoutEffects = ['S', 'F', 'G'] as const;

/** The effects that `@OnStatus` methods write. The table has no key, so that a doubled effect can be seen. */
export interface EffectsTable {
  number: Generated<number>;
  kind: string;
  id: string;
  status: string;
  previous: string;
  late: boolean;
  /** The merchant's foreign key to the payment. */
  txnid: string | null;
  /** Refers to an order. Checked only at COMMIT, where the database can. */
  fault_order: number;
}

export interface FaultsDatabase extends DragonpayTables {
  fault_effects: EffectsTable;
}
