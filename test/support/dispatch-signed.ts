import { createDragonpay, type Dragonpay } from '../../src/create-dragonpay.js';
import type { HandlerClass } from '../../src/decorators/handler-metadata.js';
import type { CallbackEndpoint, CallbackReply } from '../../src/model/callback-request.js';
import { type CallbackFields, encodeCallback, signCallback } from '../../src/protocol/sign-callback.js';
import type { DragonpaySettings } from '../../src/settings/settings.js';
import { getQuery, postForm } from './callback-request.js';

/** The secret that {@link sha1Settings} accepts, for payments and payouts. */
export const secretKey = 'a secret of the tests';

/** Settings that accept SHA-1 digests for both kinds. The hooks print nothing. */
export const sha1Settings: DragonpaySettings = {
  merchantId: 'ACME',
  environment: 'test',
  verification: { sha1: { secretKeys: [secretKey] } },
  payout: { sha1: { secretKeys: [secretKey] }, sharedSecret: true },
  hooks: { rejected: () => {}, stored: () => {}, handlerFailed: () => {}, inquired: () => {}, keysFailed: () => {} },
};

/** A receiver with {@link sha1Settings} and the given settings. */
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

/** Sends a callback with a valid digest. */
export function dispatchSigned(
  endpoint: CallbackEndpoint,
  fields: CallbackFields = paymentFields(),
  method: 'GET' | 'POST' = 'POST',
): Promise<CallbackReply> {
  const form = encodeCallback(signCallback(fields, { sha1: { secretKey } }));
  return endpoint.dispatch(method === 'POST' ? postForm(form) : getQuery(form));
}

/** Sends a callback with an invalid digest. */
export function dispatchForged(endpoint: CallbackEndpoint, method: 'GET' | 'POST' = 'POST'): Promise<CallbackReply> {
  const form = encodeCallback({ ...paymentFields(), digest: '0'.repeat(40) });
  return endpoint.dispatch(method === 'POST' ? postForm(form) : getQuery(form));
}

/** Posts a signed callback of a payment of 100.00 with status S, or with the given fields. */
export function post(
  dragonpay: Dragonpay,
  Class: HandlerClass,
  fields: Readonly<Record<string, string>> = {},
): Promise<CallbackReply> {
  const defaults = { refno: 'RFNO0001', message: 'OK', amount: '100.00' };
  return dispatchSigned(dragonpay.endpoint(Class), paymentFields({ ...defaults, ...fields }));
}
