import type { CallbackStore } from '../handling/callback-store.js';
import type { HandlerOption, HandlerRegistry } from '../handling/handler-registry.js';
import { type CallbackKind, callbackKinds } from '../protocol/kinds.js';
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
    // The hooks are told if a method or the database fails.
    const update = await replay(toEventKey(event), options, handlers, store, { wire, merchantId }).catch(
      () => undefined,
    );
    if (update?.outcome === 'applied') applied++;
  }
  return applied;
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
