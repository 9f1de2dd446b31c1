import { DragonpayError } from '../errors.js';
import type { Inquiry } from '../gateway/inquiry.js';
import type { Confirmation } from '../handling/callback-store.js';
import { type VerifiedCallback, withConfirmedAmounts } from '../model/verified-callback.js';
import { isOpen } from '../protocol/statuses.js';
import type { Confirm } from '../settings/settings.js';

/** Confirms the callbacks that the setting `confirm` names with the gateway. `undefined` if it names none. */
export function confirmation(confirm: Confirm, inquiry: Inquiry | undefined): Confirmation | undefined {
  if (confirm === 'never' || inquiry === undefined) return undefined;
  return {
    // Dragonpay has no inquiry for payouts.
    isNeeded: ({ kind, status, origin }) =>
      kind === 'payment' && origin !== 'inquiry' && (confirm === 'always' || !isOpen(kind, status)),
    confirm: (callback) => confirmCallback(callback, inquiry),
  };
}

/**
 * Resolves to the callback to apply. If its proof leaves out the amount and the currency, they are taken from the
 * gateway, and the row is compared with them. A forger who has the key would leave them out.
 * @throws DragonpayError `unconfirmed`, or the error of the inquiry
 */
async function confirmCallback(callback: VerifiedCallback, inquiry: Inquiry): Promise<VerifiedCallback> {
  const result = await inquiry.ask(callback.id, { attempts: 1 });
  const answer = result.known ? result.callback : undefined;
  if (answer === undefined) throw new DragonpayError('unconfirmed', 'the gateway does not know the payment');
  const differing = (['refno', 'status', 'amount', 'currency'] as const).filter(
    (field) => answer[field] !== undefined && callback[field] !== undefined && answer[field] !== callback[field],
  );
  if (differing.length > 0) {
    throw new DragonpayError('unconfirmed', `the gateway contradicts the callback in: ${differing.join(', ')}`);
  }
  return withConfirmedAmounts(callback, answer);
}
