import type { QueuedCallback, StoredCallback, ValidCallback } from '../model/callback.js';
import type { PaymentStatus, PayoutStatus, Status } from '../protocol/statuses.js';
import { addMethod, type MethodDecoratorArguments } from './handler-metadata.js';
import type { HandlerMethodDecorator } from './on-get.js';

/** Options of `@OnStatus`: `kind: 'payout'` for payouts; payments when not given. */
export interface OnStatusOptions<Kind extends 'payment' | 'payout' = 'payment' | 'payout'> {
  readonly kind?: Kind;
  readonly queue?: undefined;
}

/** Options of `@OnStatus` for work that follows the commit: the name of the queue that its worker takes it from. */
export interface QueuedOptions<Kind extends 'payment' | 'payout' = 'payment' | 'payout'> {
  readonly kind?: Kind;
  /** 1 to 64 letters, digits, `_`, `-` and `.`. */
  readonly queue: string;
}

/**
 * A method that runs when a payment or payout reaches a status. `trx` is whatever the repository's transaction is. Its
 * parameter may also be a `Callback`: then what `StoredCallback` says of news without a request is left out of sight.
 */
export type StatusMethod<S extends Status, Kind extends 'payment' | 'payout'> = (
  callback: StoredCallback<S, never, Kind> & Pick<ValidCallback, 'origin' | 'method' | 'request'>,
) => void | Promise<void>;

/** A method that a queue's worker calls after the commit. */
export type QueuedMethod<S extends Status, Kind extends 'payment' | 'payout'> = (
  callback: QueuedCallback<S, Kind>,
) => void | Promise<void>;

/**
 * Calls the method when a payment reaches one of the statuses, once for each, inside the database transaction that
 * stores it: what it writes through `callback.trx` commits together with the status. If it throws, the move is rolled
 * back, the answer is 5xx and the next delivery tries again.
 *
 * @example
 * \@OnStatus('S') async ship({ trx, data }: StoredCallback<'S', Database>) {
 *   await trx.updateTable('orders').set({ paid: true }).where('txnid', '=', data.txnid).execute();
 * }
 *
 * With `queue` a job commits together with the status instead, and its worker calls the method with a
 * {@link QueuedCallback}: for mail, couriers and whatever else cannot be rolled back.
 *
 * @example
 * \@OnStatus('S', { queue: 'mail' }) async thank({ data, job }: QueuedCallback<'S'>) {
 *   await mailer.send({ template: 'paid', txnid: data.txnid, idempotencyKey: job.key });
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
export function OnStatus<const S extends PaymentStatus>(
  ...statusesAndOptions: [S, ...S[], QueuedOptions<'payment'>]
): HandlerMethodDecorator<QueuedMethod<S, 'payment'>>;
export function OnStatus<const S extends PayoutStatus>(
  ...statusesAndOptions: [S, ...S[], QueuedOptions<'payout'> & { kind: 'payout' }]
): HandlerMethodDecorator<QueuedMethod<S, 'payout'>>;
export function OnStatus(
  ...given: ReadonlyArray<string | OnStatusOptions | QueuedOptions>
): (...args: MethodDecoratorArguments) => void {
  const statuses = given.filter((item) => typeof item === 'string');
  const options = given.find((item) => typeof item === 'object');
  const kind = options?.kind ?? 'payment';
  const queue = options?.queue;
  return (...args: MethodDecoratorArguments) =>
    addMethod({ role: 'status', kind, statuses, ...(queue !== undefined && { queue }) }, ...args);
}
