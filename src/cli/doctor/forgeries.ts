import { randomBytes } from 'node:crypto';
import type { CallbackKind } from '../../protocol/kinds.js';
import { encodeCallback } from '../../protocol/sign-callback.js';

/**
 * Forms that no handler of this package stores: none of them is signed. A signed callback, even for an id that does not
 * exist, would be kept in the inbox; so the doctor sends none, and needs no key.
 */
export interface Forgeries {
  /** Well-formed, with proofs that cannot hold. */
  readonly plain: string;
  /** Forms with a fault that is to be answered with this code; a parser in front hides or changes the fault. */
  readonly faulty: ReadonlyArray<{ readonly form: string; readonly code: string; readonly hidden: string }>;
}

/** Makes forgeries about a payment or payout that does not exist. */
export function makeForgeries(kind: CallbackKind): Forgeries {
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
        hidden: 'it decodes the fields, and bytes that are not UTF-8 are lost',
      },
      { form: form('S '), code: 'malformed-field', hidden: 'it trims the fields' },
      { form: `${plain}&status=F`, code: 'repeated-field', hidden: 'it hides that a field comes twice' },
    ],
  };
}
