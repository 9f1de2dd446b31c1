import { expect } from 'chai';
import type { RecordedUpdate } from '../../src/model/callback-update.js';
import type { CallbackKind } from '../../src/protocol/kinds.js';
import { decideUpdate, reviewReasons } from '../../src/repository/decide-update.js';
import { expectedMove, moves } from '../../src/testing/repository-conformance/status-moves.js';
import { verifySigned } from '../../src/testing/verify-signed.js';

const row = { status: 'P', reached: '', refno: null, amount: '100.00', currency: 'PHP' };

const callback = (kind: CallbackKind, fields: Readonly<Record<string, string>>) =>
  verifySigned({ [kind === 'payment' ? 'txnid' : 'merchantTxnId']: 'D-1', refno: 'R1', message: '', ...fields });

describe('A decision', () => {
  for (const kind of ['payment', 'payout'] as const) {
    it(`about a ${kind} is that of the table written by hand, for each pair of statuses`, async () => {
      for (const from of Object.keys(moves[kind].from)) {
        for (const to of moves[kind].to) {
          const update = decideUpdate(
            await callback(kind, { status: to }),
            { ...row, status: from, reached: from },
            false,
          );
          expect(update, `${from} to ${to}`).to.deep.equal(expectedMove(kind, from, to));
        }
      }
    });

    it(`about a ${kind} that is not there, or has an unknown status, is told apart`, async () => {
      expect(decideUpdate(await callback(kind, { status: 'S' }), undefined, false)).to.deep.equal({
        outcome: 'not-found',
      });
      for (const known of [row, undefined]) {
        const update = decideUpdate(await callback(kind, { status: 'D' }), known, false);
        expect(update).to.deep.equal({ outcome: 'unrecognized' });
      }
    });
  }

  it('names each value that differs, and only those', async () => {
    const cases: Array<[fields: Record<string, string>, refno: string | null, differs: string[]]> = [
      [{ amount: '100.01' }, null, ['amount']],
      [{ ccy: 'USD' }, null, ['currency']],
      [{ refno: 'R2' }, 'R1', ['refno']],
      [{ amount: '100.01', ccy: 'USD', refno: 'R2' }, 'R1', ['amount', 'currency', 'refno']],
    ];
    for (const [fields, refno, differs] of cases) {
      const update = decideUpdate(await callback('payment', { status: 'S', ...fields }), { ...row, refno }, false);
      expect(update).to.deep.equal({ outcome: 'mismatch', current: 'P', differs });
      expect(reviewReasons(update)).to.deep.equal(differs);
    }
    const same = await callback('payment', { status: 'S', amount: '100.00', ccy: 'PHP' });
    expect(decideUpdate(same, { ...row, refno: 'R1' }, false).outcome).to.equal('applied');
  });

  it('refuses a payout without a refno if a payment has its id', async () => {
    for (const [kind, refno, isShared, outcome] of [
      ['payout', null, true, 'mismatch'],
      ['payout', null, false, 'applied'],
      ['payout', 'R1', true, 'applied'],
      ['payment', null, true, 'applied'],
    ] as const) {
      const update = decideUpdate(await callback(kind, { status: 'S' }), { ...row, refno }, isShared);
      expect(update.outcome, `${kind} ${refno} ${isShared}`).to.equal(outcome);
    }
  });

  it('gives a reason for a review where somebody must look', () => {
    const reasons: Array<[update: RecordedUpdate, reasons: string[]]> = [
      [{ outcome: 'stale', current: 'S' }, ['stale']],
      [{ outcome: 'not-found' }, ['not-found']],
      [{ outcome: 'unrecognized' }, ['unrecognized']],
      [{ outcome: 'duplicate', current: 'S' }, []],
      [{ outcome: 'applied', previous: 'F', current: 'S', late: true }, ['late']],
      [{ outcome: 'applied', previous: 'P', current: 'S', late: false }, []],
    ];
    for (const [update, expected] of reasons) expect(reviewReasons(update)).to.deep.equal(expected);
  });
});
