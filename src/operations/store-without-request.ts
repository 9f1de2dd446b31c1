import { invalidSetting } from '../errors.js';
import type { CallbackStore } from '../handling/callback-store.js';
import { HandlerCall, HandlerError } from '../handling/handler-call.js';
import type { Handler } from '../handling/handler-registry.js';
import type { CallbackUpdate } from '../model/callback-update.js';
import type { VerifiedCallback } from '../model/verified-callback.js';

/** Stores a callback that did not come from a request, with its effects. Rejects if nothing was stored. */
export async function storeWithoutRequest(
  callback: VerifiedCallback,
  handler: Handler,
  store: CallbackStore,
): Promise<CallbackUpdate> {
  const call = new HandlerCall(handler, store.limits.handlerMilliseconds);
  await call.prepare();
  const { update, error } = await withoutWrapper(store.store(callback, call));
  if (update.outcome === 'unstored') throw error;
  return update;
}

/** The program gets the error of a handler method as the method threw it. */
export async function withoutWrapper<Result>(running: Promise<Result>): Promise<Result> {
  try {
    return await running;
  } catch (error) {
    throw HandlerError.is(error) ? error.cause : error;
  }
}

/** @throws DragonpayError `invalid-setting` if nothing is to be stored */
export function requireStore(store: CallbackStore | undefined): CallbackStore {
  if (store === undefined) throw invalidSetting('repository', 'is missing, or saveData is false');
  return store;
}
