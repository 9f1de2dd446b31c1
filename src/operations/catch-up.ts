import { DragonpayError } from '../errors.js';
import type { CallbackStore } from '../handling/callback-store.js';
import type { HandlerOption, HandlerRegistry } from '../handling/handler-registry.js';
import type { EventKey } from '../model/rows.js';
import type { Hooks } from '../observability/hooks.js';
import { tell } from '../observability/tell.js';
import { type CallbackKind, callbackKinds } from '../protocol/kinds.js';
import type { WireFormat } from '../protocol/signed-text.js';
import { type CatchUpRepository, canCatchUp } from '../repository/capabilities.js';
import { toEventKey } from '../repository/event-key.js';
import { unreadableEvent } from '../verification/verified-by-inbox.js';
import { replay } from './replay.js';

/**
 * Extra time of a lease, in milliseconds: timers may be late. The rest of the lease covers the time that an event may
 * take.
 */
const leaseReserve = 1_000;

/** The parts of the receiver that {@link catchUp} needs. */
export interface CatchUpContext {
  readonly handlers: HandlerRegistry;
  readonly store: CallbackStore;
  readonly hooks: Hooks;
  readonly wire: WireFormat;
  readonly merchantId: string;
}

/**
 * Applies the callbacks that came before their row, with their effects, if the row exists now. Any number of processes
 * may do it at the same time. An event whose method fails is not tried again until its claim is over.
 * @returns how many were applied
 * @throws DragonpayError `invalid-setting` if no kind has exactly one handler class; or the error of the database
 */
export async function catchUp(options: HandlerOption, context: CatchUpContext, signal: AbortSignal): Promise<number> {
  const { handlers, store, wire, merchantId } = context;
  if (!canCatchUp(store.repository)) return 0;
  const repository: CatchUpRepository = store.repository;
  const { storeMilliseconds, handlerMilliseconds } = store.limits;
  const lease = 2 * (storeMilliseconds + handlerMilliseconds) + leaseReserve;
  const kinds = kindsWithHandler(options, handlers);
  let applied = 0;
  while (!signal.aborted) {
    const event = await repository.claimEarlyEvent({ lease, kinds });
    if (event === undefined) break;
    const update = await replay(toEventKey(event), options, handlers, store, { wire, merchantId }).catch(
      (error: unknown) => failed(event, error, repository, context),
    );
    if (update?.outcome === 'applied') applied++;
  }
  return applied;
}

/**
 * Reports an event that cannot be read to a hook, and records it as failed, so that it does not hold up the later
 * events of its row. If a method or the database failed, the hooks were called already.
 */
async function failed(
  event: EventKey,
  error: unknown,
  repository: CatchUpRepository,
  { hooks, merchantId }: CatchUpContext,
): Promise<undefined> {
  if (!DragonpayError.is(error) || error.code !== 'event-unreadable') return;
  const kept = await repository.findEvent(event);
  if (kept === undefined) return;
  const { kind, id, refno, status } = event;
  const method = kept.method ?? undefined;
  tell(hooks.stored, { kind, id, refno, status, origin: 'replay', method, update: { outcome: 'unstored' }, error });
  await repository.recordFailure(unreadableEvent(event, kept, merchantId));
}

/** The kinds that this process can handle. Events of other kinds are left to processes that can. */
function kindsWithHandler(options: HandlerOption, handlers: HandlerRegistry): CallbackKind[] {
  let failure: unknown;
  const kinds = callbackKinds.filter((kind) => {
    try {
      handlers.find(kind, options);
      return true;
    } catch (error) {
      failure ??= error;
      return false;
    }
  });
  if (kinds.length === 0) throw failure;
  return kinds;
}
