import type { StoredCallback } from '../callback.js';
import type { PaymentStatus, PayoutStatus, Status } from '../preprocessing/transaction-status.js';
import { addMethod, type MethodDecoratorArguments } from './handler-metadata.js';
import type { HandlerMethodDecorator } from './on-get.js';

/** Options of `@OnStatus`: `kind: 'payout'` for payouts; payments when not given. */
export interface OnStatusOptions<Kind extends 'payment' | 'payout' = 'payment' | 'payout'> {
  readonly kind?: Kind;
}

/** A method that runs when a payment or payout reaches a status. `trx` is whatever the repository's transaction is. */
export type StatusMethod<S extends Status, Kind extends 'payment' | 'payout'> = (
  // biome-ignore lint/suspicious/noExplicitAny: the decorator cannot know the repository's transaction
  callback: StoredCallback<S, any, Kind>,
) => void | Promise<void>;

/**
 * Calls the method when a payment reaches one of the statuses, once for each, inside the database transaction that
 * stores it: what it writes through `callback.trx` commits together with the status. If it throws, the move is rolled
 * back, the answer is 5xx and the next delivery tries again.
 *
 * @example
 * \@OnStatus('S') async ship({ trx, data }: StoredCallback<Database, 'S'>) {
 *   await trx.updateTable('orders').set({ paid: true }).where('txnid', '=', data.txnid).execute();
 * }
 */
export function OnStatus<const S extends PaymentStatus>(
  ...statuses: [S, ...S[]]
): HandlerMethodDecorator<StatusMethod<S, 'payment'>>;
export function OnStatus<const S extends PaymentStatus>(
  ...statusesAndOptions: [S, ...S[], OnStatusOptions<'payment'>]
): HandlerMethodDecorator<StatusMethod<S, 'payment'>>;
export function OnStatus<const S extends PayoutStatus>(
  ...statusesAndOptions: [S, ...S[], OnStatusOptions<'payout'> & { kind: 'payout' }]
): HandlerMethodDecorator<StatusMethod<S, 'payout'>>;
export function OnStatus(
  ...given: ReadonlyArray<string | OnStatusOptions>
): (...args: MethodDecoratorArguments) => void {
  const statuses = given.filter((item) => typeof item === 'string');
  const options = given.find((item) => typeof item === 'object');
  const kind = options?.kind ?? 'payment';
  return (...args: MethodDecoratorArguments) => addMethod({ role: 'status', kind, statuses }, ...args);
}
