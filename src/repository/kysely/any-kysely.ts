import type { Kysely, Transaction } from 'kysely';

/**
 * A Kysely, imported or required. Kysely 0.28 declares its classes twice, once for each module system. To the compiler
 * these are different classes, because they have private fields. At run time they are compatible.
 */
export type AnyKysely<Database> =
  | Kysely<Database>
  | import('kysely', { with: { 'resolution-mode': 'require' }}).Kysely<Database>;

/** A transaction of an {@link AnyKysely}. */
export type AnyTransaction<Database> =
  | Transaction<Database>
  | import('kysely', { with: { 'resolution-mode': 'require' }}).Transaction<Database>;
