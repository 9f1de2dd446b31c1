import type {
  AppliedUpdate,
  Callback,
  CallbackKind,
  InvalidCallback,
  Issue,
  Mismatch,
  PaymentCallback,
  PaymentData,
  PaymentRow,
  PayoutCallback,
  PayoutData,
  PayoutRow,
  SkippedUpdate,
  Status,
  StoredCallback,
  UpdateOutcome,
  ValidCallback,
} from 'dragonpay-callback';
import { type Equal, expectTrue, expectType } from './expect-type.js';

/** Compiled only: a callback is told apart by `valid`, then by `kind`, its update by `outcome`. */
export function narrows(callback: Callback): string {
  // @ts-expect-error an invalid callback has no data
  callback.data;
  // @ts-expect-error a valid callback has no issues
  callback.issues;
  expectType<'GET' | 'POST'>(callback.method);

  if (!callback.valid) {
    expectTrue<Equal<typeof callback, InvalidCallback>>();
    expectTrue<Equal<typeof callback.issues, readonly Issue[]>>();
    expectTrue<Equal<typeof callback.update, SkippedUpdate>>();
    expectTrue<Equal<typeof callback.update.outcome, 'skipped'>>();
    // @ts-expect-error an invalid callback has no row to look up
    callback.stored();
    // @ts-expect-error what came is a list of pairs, since a name may repeat
    callback.received.txnid;
    return callback.issues[0]?.code ?? 'never empty';
  }

  expectTrue<Equal<typeof callback, ValidCallback>>();
  // A payout has no txnid. Properties of both kinds can be read without narrowing by kind.
  expectTrue<Equal<typeof callback.data.txnid, string | undefined>>();
  expectTrue<Equal<typeof callback.data.merchantTxnId, string | undefined>>();
  // @ts-expect-error a verb's callback is within no transaction
  callback.trx;
  // @ts-expect-error `data` has no field that no proof covers
  callback.data.ccy;
  expectType<string | undefined>(callback.unsigned.ccy);

  if (callback.kind === 'payout') {
    expectTrue<Equal<typeof callback, PayoutCallback>>();
    // @ts-expect-error a payout has no txnid
    expectType<string>(callback.data.txnid);
    expectTrue<Equal<typeof callback.data, PayoutData>>();
    expectTrue<Equal<ReturnType<typeof callback.stored>, Promise<PayoutRow | undefined>>>();
    return callback.data.merchantTxnId;
  }

  expectTrue<Equal<typeof callback, PaymentCallback>>();
  expectTrue<Equal<typeof callback.data, PaymentData>>();
  expectTrue<Equal<ReturnType<typeof callback.stored>, Promise<PaymentRow | undefined>>>();
  expectTrue<Equal<typeof callback.data.amount, string | undefined>>();
  // @ts-expect-error an amount is a decimal string: floats lose cents
  expectType<number | undefined>(callback.data.amount);
  // @ts-expect-error a callback is not to be written to
  callback.status = 'S';
  // @ts-expect-error nor are its data
  callback.data.txnid = 'T-2';
  if (callback.status === 'S') return callback.data.txnid;
  return callback.status;
}

export function narrowsUpdate({ update }: ValidCallback): Status | readonly Mismatch[] | undefined {
  // @ts-expect-error not every update has a status before it
  update.previous;
  switch (update.outcome) {
    case 'applied':
      expectTrue<Equal<typeof update, AppliedUpdate>>();
      expectType<boolean>(update.late);
      return update.previous;
    case 'duplicate':
    case 'stale':
      // @ts-expect-error nothing moved, so nothing was before it
      update.previous;
      return update.current;
    case 'mismatch':
      return update.differs;
    case 'skipped':
    case 'unrecognized':
    case 'not-found':
    case 'unstored':
      // @ts-expect-error there is no row to have a status
      update.current;
      return undefined;
    default:
      // Every outcome has its case: a new one makes this fail to compile.
      return update satisfies never;
  }
}

// @ts-expect-error there is no such outcome
export const outcome: UpdateOutcome = 'ignored';

export function narrowsStored(
  payment: StoredCallback<'S' | 'R'>,
  payout: StoredCallback<'G', unknown, 'payout'>,
  any: StoredCallback,
): void {
  expectType<'S' | 'R'>(payment.status);
  expectTrue<Equal<typeof payment.update.outcome, 'applied'>>();
  expectTrue<Equal<typeof payment.valid, true>>();
  expectType<'payment'>(payment.kind);
  expectType<string>(payment.data.txnid);
  expectType<'payout'>(payout.kind);
  expectType<string>(payout.data.merchantTxnId);
  expectTrue<Equal<typeof payout.data.txnid, undefined>>();
  expectTrue<Equal<typeof payment.data.merchantTxnId, undefined>>();
  // @ts-expect-error a transaction of no known type can be handed on, not used
  any.trx.commit();
  // @ts-expect-error the status was S or R
  if (payment.status === 'F') return;
}

export function isExhaustive(kind: CallbackKind): string {
  switch (kind) {
    case 'payment':
    case 'payout':
      return kind;
    default:
      return kind satisfies never;
  }
}
