import { withinDeadline } from '../async/deadline.js';
import type { InFlight } from '../async/in-flight.js';
import { DragonpayError } from '../errors.js';
import type { Inquiry } from '../gateway/inquiry.js';
import type { JobQueue } from '../jobs/job.js';
import type { CallbackUpdate, RecordedUpdate } from '../model/callback-update.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import { type Hooks, tell } from '../observability/hooks.js';
import { openStatuses, type PaymentStatus } from '../protocol/statuses.js';
import type { CallbackRepository, StatusEffect } from '../repository/callback-repository.js';
import { isConfirmable, isReplayable } from '../repository/capabilities.js';
import type { Confirm } from '../settings/settings.js';
import { type HandlerCall, HandlerError } from './handler-call.js';

/** What {@link storeCallback} works with. */
export interface StoreParts {
  readonly limits: { readonly handlerMilliseconds: number; readonly storeMilliseconds: number };
  readonly hooks: Hooks;
  /** Follows what may outlast its answer. */
  readonly inFlight: InFlight;
  /** Where the jobs of `@OnStatus` with a queue go. */
  readonly queue?: JobQueue | undefined;
  /** `never` when not given. */
  readonly confirm?: Confirm | undefined;
  /** Asks the gateway; there unless `confirm` is `never`. */
  readonly inquiry?: Inquiry | undefined;
}

/** What became of a callback; with `unstored`, why. */
export interface Stored {
  readonly update: CallbackUpdate;
  readonly error?: unknown;
}

/**
 * Stores a verified callback, whatever its origin, and runs what `@OnStatus` says in the same transaction.
 * Rejects with a {@link HandlerError} only, after rolling back.
 */
export async function storeCallback(
  callback: VerifiedCallback,
  call: HandlerCall,
  repository: CallbackRepository,
  parts: StoreParts,
): Promise<Stored> {
  const { limits, hooks, queue } = parts;
  const run = call.effectOf(callback, queue);
  const effect = run && { milliseconds: limits.handlerMilliseconds, run };
  let stored: Stored;
  try {
    stored = { update: await store(callback, effect, repository, parts) };
  } catch (error) {
    stored = { update: { outcome: 'unstored' }, error };
  }
  const { kind, id, refno, status, origin, method } = callback;
  tell(hooks.stored, { kind, id, refno, status, origin, method, ...stored });
  if (stored.error instanceof HandlerError) {
    if (isReplayable(repository)) {
      // A note for replay(), and no more: the answer does not depend on it.
      await Promise.resolve(withinStore(parts, () => repository.recordFailure(callback))).catch(() => {});
    }
    throw stored.error;
  }
  return stored;
}

function store(
  callback: VerifiedCallback,
  effect: StatusEffect | undefined,
  repository: CallbackRepository,
  parts: StoreParts,
): RecordedUpdate | Promise<RecordedUpdate> {
  const { inquiry, confirm } = parts;
  if (inquiry !== undefined && needsConfirmation(callback, confirm)) {
    return storeConfirmed(callback, effect, repository, parts, inquiry);
  }
  return withinStore(parts, () => repository.store(callback, effect), effect?.milliseconds);
}

async function storeConfirmed(
  callback: VerifiedCallback,
  effect: StatusEffect | undefined,
  repository: CallbackRepository,
  parts: StoreParts,
  inquiry: Inquiry,
): Promise<RecordedUpdate> {
  if (isConfirmable(repository)) {
    // A callback that would change nothing is recorded and costs no inquiry.
    const update = await withinStore(parts, () => repository.storeUnlessMovable(callback));
    if (update !== 'movable') return update;
  }
  // No transaction is open while the gateway is asked.
  const confirmed = await parts.inFlight.follow(confirm(callback, inquiry));
  return withinStore(parts, () => repository.store(confirmed, effect), effect?.milliseconds);
}

/** Whoever closes waits for it, also when it is late and goes on without us. */
function withinStore<Result>(
  { limits, inFlight }: StoreParts,
  run: () => Promise<Result>,
  effectMilliseconds = 0,
): Result | Promise<Result> {
  const bound = limits.storeMilliseconds + effectMilliseconds;
  return withinDeadline(
    bound,
    () => inFlight.follow(run()),
    () => new DragonpayError('unstored', `the database took longer than ${bound} ms`),
  );
}

/** Dragonpay has no inquiry for payouts. */
function needsConfirmation({ kind, status, origin }: VerifiedCallback, confirm: Confirm = 'never'): boolean {
  if (confirm === 'never' || kind !== 'payment' || origin === 'inquiry') return false;
  return confirm === 'always' || !openStatuses.includes(status as PaymentStatus);
}

/**
 * The callback, with the amount and currency of the gateway where it left them out: the row is compared with those. A
 * forger who has the key would leave them out.
 * @throws DragonpayError `unconfirmed`, or as an inquiry does
 */
async function confirm(callback: VerifiedCallback, inquiry: Inquiry): Promise<VerifiedCallback> {
  const result = await inquiry.ask(callback.id, { attempts: 1 });
  const said = result.known ? result.callback : undefined;
  const differs = (['refno', 'status', 'amount', 'currency'] as const).filter(
    (field) => said?.[field] !== undefined && callback[field] !== undefined && said[field] !== callback[field],
  );
  if (said === undefined || differs.length > 0) {
    const what = said === undefined ? 'does not know the payment' : `says otherwise (${differs.join(', ')})`;
    throw new DragonpayError('unconfirmed', `the gateway ${what}`);
  }
  return { ...callback, amount: callback.amount ?? said.amount, currency: callback.currency ?? said.currency };
}
