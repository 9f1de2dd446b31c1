import {
  type Callback,
  type CallbackKind,
  DragonpayCallback,
  type HandlerResult,
  MemoryRepository,
  OnGet,
  OnPost,
  type Status,
  type StoredCallback,
  type ValidCallback,
} from '../../src/index.js';
import type { CallbackReply } from '../../src/model/callback-request.js';
import { type CallbackFields, encodeCallback, signCallback } from '../../src/testing.js';
import { secretKey } from './dispatch-signed.js';

export const plainText = {
  'Content-Type': 'text/plain; charset=utf-8',
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};
export const resultOk: CallbackReply = { status: 200, headers: plainText, body: 'result=OK' };

/** The default reply to a failure, spelled out. */
export function errorReply(status: number, code: string, more: Record<string, string> = {}): CallbackReply {
  return { status, headers: { ...plainText, ...more }, body: `error=${code}` };
}
export const retry = { 'Retry-After': '30' };

/** The arguments of the handlers below. */
export type Seen = Callback | StoredCallback<Status, unknown, CallbackKind>;

export const seen: Array<[method: string, callback: Seen]> = [];

@DragonpayCallback()
export class Recording {
  @OnGet() get(callback: Callback) {
    seen.push(['get', callback]);
  }
  @OnPost() post(callback: Callback) {
    seen.push(['post', callback]);
  }
}

@DragonpayCallback({ updateOnGet: true })
export class UpdatingOnGet extends Recording {}

@DragonpayCallback({ allowInvalidData: false })
export class Strict extends Recording {}

@DragonpayCallback()
export class Silent {
  @OnPost() post() {}
}

/** The argument of the first method that was called. */
export function firstSeen<Expected extends Seen = ValidCallback>(): Expected {
  const [first] = seen;
  if (first === undefined) throw new Error('no method was called');
  return first[1] as Expected;
}

/** Makes a class whose methods all return this value. */
export function returning(result: unknown) {
  @DragonpayCallback()
  class Returning {
    @OnGet() get(callback: Callback) {
      seen.push(['get', callback]);
      return result as HandlerResult;
    }
    @OnPost() async post(callback: Callback) {
      seen.push(['post', callback]);
      return result as HandlerResult;
    }
  }
  return Returning;
}

/** A payment T-1 of 100.00 PHP, and a payout O-1, in these statuses. */
export async function repositoryWith(status: 'P' | 'S' | 'F' = 'P'): Promise<MemoryRepository> {
  const repository = new MemoryRepository();
  const imported = status === 'P' ? {} : { status };
  await repository.createPayment({ txnid: 'T-1', amount: '100.00', ...imported });
  await repository.createPayout({ merchantTxnId: 'O-1', amount: '50.00', refno: 'R1' });
  return repository;
}

export function formOf(fields: CallbackFields): string {
  return encodeCallback(signCallback(fields, { sha1: { secretKey } }));
}

export const payoutFields: CallbackFields = { merchantTxnId: 'O-1', refno: 'R1', status: 'S', message: 'sent' };

/** Empties {@link seen}. */
export function forgetSeen(): void {
  seen.length = 0;
}
