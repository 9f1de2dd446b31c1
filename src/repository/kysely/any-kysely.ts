import type { Kysely, Transaction } from 'kysely';

/**
 * A Kysely, imported or required. Kysely 0.28 declares its classes once for each module system; because of their
 * private fields, they are different classes to the compiler. At run time they are compatible.
 */
export type AnyKysely<Database> =
  | Kysely<Database>
  | import('kysely', { with: { 'resolution-mode': 'require' }}).Kysely<Database>;

/** A transaction of an {@link AnyKysely}. */
export type AnyTransaction<Database> =
  | Transaction<Database>
  | import('kysely', { with: { 'resolution-mode': 'require' }}).Transaction<Database>;
