import { DragonpayError } from '../errors.js';
import type { CallbackStore } from '../handling/callback-store.js';
import { HandlerCall } from '../handling/handler-call.js';
import type { Handler, HandlerOption, HandlerRegistry } from '../handling/handler-registry.js';
import { checkNames } from '../protocol/nearest-name.js';
import type { StatusEffect } from '../repository/callback-repository.js';
import { isCorrectable } from '../repository/capabilities.js';
import type { Change, Correction, CorrectionOptions } from '../repository/correction.js';
import { findRow } from '../repository/find-row.js';
import { verifiedByHand } from '../verification/verified-by-hand.js';
import { withoutWrapper } from './store-without-request.js';

/** Options of `correct()`. */
export interface CorrectOptions extends HandlerOption, Omit<CorrectionOptions, 'effect'> {
  /** Whether the `@OnStatus` methods of the new status run. Default: `false`. */
  readonly runEffects?: boolean;
}

/** Changes a row by hand, with the effects of the new status if asked for. See `Dragonpay.correct`. */
export async function correct(
  id: string,
  change: Change,
  options: CorrectOptions,
  handlers: HandlerRegistry,
  store: CallbackStore,
  merchantId: string,
): Promise<Correction> {
  checkNames(options, { handler: true, runEffects: true, reason: true, by: true, kind: true });
  const { handler: _, runEffects = false, ...rest } = options;
  const { repository } = store;
  if (!isCorrectable(repository)) {
    throw new DragonpayError('not-supported', 'the repository cannot correct rows: it lacks correct()');
  }
  if (!runEffects) return repository.correct(id, change, rest);
  const handler = handlers.find(options.kind ?? 'payment', options);
  const effect = effectByHand(id, options, handler, store, merchantId);
  return withoutWrapper(repository.correct(id, change, { ...rest, effect }));
}

/** Reads the row within the transaction: until then, a callback may still change it. */
function effectByHand(
  id: string,
  options: CorrectOptions,
  handler: Handler,
  store: CallbackStore,
  merchantId: string,
): StatusEffect {
  const { kind = 'payment' } = options;
  const milliseconds = store.limits.handlerMilliseconds;
  const call = new HandlerCall(handler, milliseconds);
  return {
    milliseconds,
    async run(update, trx) {
      const row = await findRow(store.repository, kind, id, { trx });
      if (row === undefined) return;
      const { refno, status, amount, currency } = row;
      const corrected = { kind, id, refno: refno ?? '', status, amount, currency };
      await store.effectOf(verifiedByHand(corrected, options, merchantId), call)?.(update, trx);
    },
  };
}
