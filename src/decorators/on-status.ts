import type { QueuedCallback, StoredCallback, ValidCallback } from '../model/callback.js';
import { checkNames } from '../protocol/nearest-name.js';
import type { PaymentStatus, PayoutStatus, Status } from '../protocol/statuses.js';
import { assertCalled } from './assert-called.js';
import { addMethod, type MethodDecoratorArguments } from './handler-metadata.js';
import type { HandlerMethodDecorator } from './method-decorator.js';

/** Options of `@OnStatus`. */
export interface OnStatusOptions<Kind extends 'payment' | 'payout' = 'payment' | 'payout'> {
  /** Default: `payment`. */
  readonly kind?: Kind;
  readonly queue?: undefined;
}

/** Options of `@OnStatus` for work after the commit. */
export interface QueuedOptions<Kind extends 'payment' | 'payout' = 'payment' | 'payout'> {
  /** Default: `payment`. */
  readonly kind?: Kind;
  /** The queue of the job: 1 to 64 letters, digits, `_`, `-` and `.`. */
  readonly queue: string;
}

/** A method that runs when a payment or payout reaches a status. `trx` is the transaction of the repository. */
export type StatusMethod<S extends Status, Kind extends 'payment' | 'payout'> = (
  callback: StatusArgument<S, Kind>,
) => void | Promise<void>;

/** Lets the parameter have the type `Callback`, too. That type does not show that `request` can be undefined. */
export interface StatusArgument<S extends Status, Kind extends 'payment' | 'payout'>
  extends StoredCallback<S, never, Kind> {
  readonly origin: ValidCallback['origin'];
  readonly method: ValidCallback['method'];
  readonly request: ValidCallback['request'];
}

/**
 * Returned instead of a decorator if an option is missing. It is not a decorator, so the error of the compiler shows
 * this type.
 */
export interface OptionIsMissing<Option extends string> {
  readonly missing: Option;
}

/** A method that the worker of a queue calls after the commit. */
export type QueuedMethod<S extends Status, Kind extends 'payment' | 'payout'> = (
  callback: QueuedCallback<S, Kind>,
) => void | Promise<void>;

/**
 * Calls the method when a payment reaches one of the statuses, once for each status, inside the database transaction
 * that stores it. Writes through `callback.trx` commit together with the status. If the method throws, the transaction
 * is rolled back, the reply is 5xx, and the next delivery tries again.
 *
 * @example
 * \@OnStatus('S') async ship({ trx, data }: StoredCallback<'S', Database>) {
 *   await trx.updateTable('orders').set({ paid: true }).where('txnid', '=', data.txnid).execute();
 * }
 *
 * With `queue`, a job commits together with the status, and a worker calls the method with a {@link QueuedCallback}
 * later. Use it for mail, couriers and other work that cannot be rolled back.
 *
 * @example
 * \@OnStatus('S', { queue: 'mail' }) async thank({ data, job }: QueuedCallback<'S'>) {
 *   await mailer.send({ template: 'paid', txnid: data.txnid, idempotencyKey: job.key });
 * }
 */
export function OnStatus<const S extends PayoutStatus>(
  ...statusesAndOptions: [S, ...S[], QueuedOptions<'payout'> & { kind: 'payout' }]
): HandlerMethodDecorator<QueuedMethod<S, 'payout'>>;
export function OnStatus<const S extends PaymentStatus>(
  ...statusesAndOptions: [S, ...S[], QueuedOptions<'payment'>]
): HandlerMethodDecorator<QueuedMethod<S, 'payment'>>;
export function OnStatus<const S extends PayoutStatus>(
  ...statusesAndOptions: [S, ...S[], OnStatusOptions<'payout'> & { kind: 'payout' }]
): HandlerMethodDecorator<StatusMethod<S, 'payout'>>;
export function OnStatus<const S extends PaymentStatus>(
  ...statusesAndOptions: [S, ...S[], OnStatusOptions<'payment'>]
): HandlerMethodDecorator<StatusMethod<S, 'payment'>>;
export function OnStatus(
  ...statuses: [Exclude<PayoutStatus, PaymentStatus>, ...PayoutStatus[]]
): OptionIsMissing<"{ kind: 'payout' }">;
export function OnStatus<const S extends PaymentStatus>(
  ...statuses: [S, ...S[]]
): HandlerMethodDecorator<StatusMethod<S, 'payment'>>;
export function OnStatus(
  ...given: ReadonlyArray<string | OnStatusOptions | QueuedOptions>
  // biome-ignore lint/suspicious/noExplicitAny: each overload above says what it returns
): any {
  assertCalled('OnStatus', given);
  const statuses = given.filter((item) => typeof item === 'string');
  const options = given.find((item) => typeof item !== 'string');
  if (options !== undefined) checkNames(options, { kind: true, queue: true });
  const kind = options?.kind ?? 'payment';
  const queue = options?.queue;
  return (...args: MethodDecoratorArguments) =>
    addMethod({ role: 'status', kind, statuses, ...(queue !== undefined && { queue }) }, ...args);
}
