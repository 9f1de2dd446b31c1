import type { Kysely, Transaction } from 'kysely';

/**
 * A Kysely, imported or required: Kysely 0.28 declares its classes once for each, and their private fields tell the
 * compiler that these differ. At run time they do the same.
 */
export type AnyKysely<Database> =
  | Kysely<Database>
  | import('kysely', { with: { 'resolution-mode': 'require' }}).Kysely<Database>;

/** A transaction of such a Kysely. */
export type AnyTransaction<Database> =
  | Transaction<Database>
  | import('kysely', { with: { 'resolution-mode': 'require' }}).Transaction<Database>;
