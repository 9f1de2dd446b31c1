import { createDragonpay, type Dragonpay } from '../../src/create-dragonpay.js';
import type { HandlerClass } from '../../src/decorators/handler-metadata.js';
import type { CallbackEndpoint, CallbackReply } from '../../src/model/callback-request.js';
import { type CallbackFields, encodeCallback, signCallback } from '../../src/protocol/sign-callback.js';
import type { DragonpaySettings } from '../../src/settings/settings.js';
import { getQuery, postForm } from './callback-request.js';

/** The secret that {@link sha1Settings} accepts, for payments and payouts. */
export const secretKey = 'a secret of the tests';

/** Settings that accept SHA-1 digests of both kinds, and keep failures of handlers off stderr. */
export const sha1Settings: DragonpaySettings = {
  merchantId: 'ACME',
  environment: 'test',
  verification: { sha1: { secretKeys: [secretKey] } },
  payout: { sha1: { secretKeys: [secretKey] } },
  hooks: { rejected: () => {}, stored: () => {}, handlerFailed: () => {} },
};

/** The receiver of {@link sha1Settings}, with others where given. */
export function testDragonpay(settings: Partial<DragonpaySettings> = {}): Dragonpay {
  return createDragonpay({ ...sha1Settings, ...settings });
}

/** The endpoint of a handler class with {@link sha1Settings}. */
export function testEndpoint(Class: HandlerClass, settings: Partial<DragonpaySettings> = {}): CallbackEndpoint {
  return testDragonpay(settings).endpoint(Class);
}

/** The fields of a payment's callback, without its proof. */
export function paymentFields(fields: CallbackFields = {}): CallbackFields {
  return { txnid: 'T-1', refno: 'R1', status: 'S', message: '[000] OK', ...fields };
}

/** Sends a callback with a right digest. */
export function dispatchSigned(
  endpoint: CallbackEndpoint,
  fields: CallbackFields = paymentFields(),
  method: 'GET' | 'POST' = 'POST',
): Promise<CallbackReply> {
  const form = encodeCallback(signCallback(fields, { sha1: { secretKey } }));
  return endpoint.dispatch(method === 'POST' ? postForm(form) : getQuery(form));
}

/** Sends a callback whose digest is another's. */
export function dispatchForged(endpoint: CallbackEndpoint, method: 'GET' | 'POST' = 'POST'): Promise<CallbackReply> {
  const form = encodeCallback({ ...paymentFields(), digest: '0'.repeat(40) });
  return endpoint.dispatch(method === 'POST' ? postForm(form) : getQuery(form));
}
