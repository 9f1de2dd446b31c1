import { DragonpayError } from '../errors.js';
import type { CallbackStore } from '../handling/callback-store.js';
import type { HandlerOption, HandlerRegistry } from '../handling/handler-registry.js';
import type { CallbackUpdate } from '../model/callback-update.js';
import type { EventKey, KeptEvent } from '../model/rows.js';
import type { VerifiedCallback } from '../model/verified-callback.js';
import type { WireFormat } from '../protocol/signed-text.js';
import type { CallbackRepository } from '../repository/callback-repository.js';
import { isReplayable } from '../repository/capabilities.js';
import { deliveriesOf } from '../repository/delivered-forms.js';
import { fromEventKey } from '../repository/event-key.js';
import { findRow } from '../repository/find-row.js';
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
  const callback = await fitting(eventKey, event, repository, (one) => verifiedByInbox(one, wire, merchantId));
  return storeWithoutRequest(callback, handler, store);
}

/**
 * Finds the delivery of an event that fits its row. Deliveries may differ in the amount and the currency if no proof
 * covers them. A sender who changes them must not keep the right delivery from being applied.
 */
async function fitting(
  { kind, id }: EventKey,
  event: KeptEvent,
  repository: CallbackRepository,
  read: (event: KeptEvent) => VerifiedCallback,
): Promise<VerifiedCallback> {
  const others = deliveriesOf(event).filter(({ raw }) => raw !== event.raw);
  const row = others.length > 0 ? await findRow(repository, kind, id) : undefined;
  const fits = ({ amount = row?.amount, currency = row?.currency }: VerifiedCallback) =>
    amount === row?.amount && currency === row?.currency;
  const first = read(event);
  return row === undefined || fits(first) ? first : (others.map(read).find(fits) ?? first);
}
