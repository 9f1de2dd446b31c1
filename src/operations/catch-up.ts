import type { CallbackStore } from '../handling/callback-store.js';
import type { HandlerOption, HandlerRegistry } from '../handling/handler-registry.js';
import type { WireFormat } from '../protocol/signed-text.js';
import { type CatchUpRepository, canCatchUp } from '../repository/capabilities.js';
import { toEventKey } from '../repository/event-key.js';
import { replay } from './replay.js';

/** Extra time of a lease beyond the bounds of its event, in milliseconds: for timers that are late. */
const leaseReserve = 1_000;

/** What {@link catchUp} needs of the receiver. */
export interface CatchUpContext {
  readonly handlers: HandlerRegistry;
  readonly store: CallbackStore;
  readonly wire: WireFormat;
  readonly merchantId: string;
}

/**
 * Applies the callbacks that came before their row, with their effects, where the row exists now. Any number of
 * processes may do it at the same time. An event whose method fails is left until its claim is over.
 * @returns how many were applied
 * @throws DragonpayError `invalid-setting` if the handler class is ambiguous; or the error of the database
 */
export async function catchUp(options: HandlerOption, context: CatchUpContext, signal: AbortSignal): Promise<number> {
  const { handlers, store, wire, merchantId } = context;
  if (!canCatchUp(store.repository)) return 0;
  const repository: CatchUpRepository = store.repository;
  const { storeMilliseconds, handlerMilliseconds } = store.limits;
  const lease = 2 * (storeMilliseconds + handlerMilliseconds) + leaseReserve;
  let applied = 0;
  while (!signal.aborted) {
    const event = await repository.claimEarlyEvent({ lease });
    if (event === undefined) break;
    handlers.find(event.kind, options);
    // The hooks are told of a failure.
    const update = await replay(toEventKey(event), options, handlers, store, { wire, merchantId }).catch(
      () => undefined,
    );
    if (update?.outcome === 'applied') applied++;
  }
  return applied;
}
