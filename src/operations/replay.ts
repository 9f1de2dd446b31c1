import { DragonpayError } from '../errors.js';
import type { CallbackStore } from '../handling/callback-store.js';
import type { HandlerOption, HandlerRegistry } from '../handling/handler-registry.js';
import type { CallbackUpdate } from '../model/callback-update.js';
import type { WireFormat } from '../protocol/signed-text.js';
import { isReplayable } from '../repository/capabilities.js';
import { fromEventKey } from '../repository/event-key.js';
import { verifiedByInbox } from '../verification/verified-by-inbox.js';
import { storeWithoutRequest } from './store-without-request.js';

/** Stores an event of the inbox again, with its effects. See `Dragonpay.replay`. */
export async function replay(
  key: string,
  options: HandlerOption,
  handlers: HandlerRegistry,
  store: CallbackStore,
  { wire, merchantId }: { readonly wire: WireFormat; readonly merchantId: string },
): Promise<CallbackUpdate> {
  const eventKey = fromEventKey(key);
  const { repository } = store;
  if (!isReplayable(repository)) {
    throw new DragonpayError('not-supported', 'the repository cannot replay: it lacks findEvent() or recordFailure()');
  }
  const handler = handlers.find(eventKey.kind, options);
  const event = await repository.findEvent(eventKey);
  if (event === undefined) throw new DragonpayError('no-such-event', 'the inbox has no event with this key');
  return storeWithoutRequest(verifiedByInbox(event, wire, merchantId), handler, store);
}
