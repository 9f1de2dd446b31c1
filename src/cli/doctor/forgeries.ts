import { randomBytes } from 'node:crypto';
import type { CallbackKind } from '../../protocol/kinds.js';
import { encodeCallback } from '../../protocol/sign-callback.js';

/**
 * Forms that no handler of this package stores, because none of them is signed. A signed callback would be recorded in
 * the inbox even if its id does not exist, so the doctor sends none and needs no key.
 */
export interface Forgeries {
  /** A well-formed form with wrong proofs. */
  readonly plain: string;
  /** Faulty forms, each with the code that the handler answers, and what it means if the handler answers another. */
  readonly faulty: ReadonlyArray<{ readonly form: string; readonly code: string; readonly hidden: string }>;
}

/** Creates forgeries about a payment or payout that does not exist. */
export function createForgeries(kind: CallbackKind): Forgeries {
  const id = `doctor-${randomBytes(12).toString('hex')}`;
  const ids: Record<string, string> =
    kind === 'payment' ? { txnid: id, refno: 'DOCTOR' } : { merchantTxnId: id, refNo: 'DOCTOR' };
  const proofs = {
    digest: randomBytes(20).toString('hex'),
    signature: randomBytes(32).toString('hex').toUpperCase(),
    signatures: randomBytes(256).toString('base64'),
  };
  const form = (status: string) =>
    encodeCallback({ ...ids, status, message: 'dragonpay-callback doctor', amount: '1.00', ...proofs });
  const plain = form('S');
  return {
    plain,
    faulty: [
      {
        form: plain.replace('doctor&', 'Ni%f1o&'),
        code: 'invalid-utf8',
        hidden: 'it decodes the fields and loses bytes that are not UTF-8',
      },
      { form: form('S '), code: 'malformed-field', hidden: 'it trims the fields' },
      { form: `${plain}&status=F`, code: 'repeated-field', hidden: 'it hides that a field occurs twice' },
    ],
  };
}
