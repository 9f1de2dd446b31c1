import assert from 'node:assert/strict';
import type { DragonpayError } from '../../errors.js';
import type { PaymentDetails, PayoutDetails } from '../../model/rows.js';
import { amount, eachKind, newId, type RepositoryCases, refuses } from './repository-harness.js';

const text = (length: number) => 'x'.repeat(length);

/** Invalid details, each under the field that its error must name. */
const unstorable: ReadonlyArray<readonly [subject: string, details: Readonly<Record<string, unknown>>]> = [
  ...['', text(41), 'a:b', 'Ni\u00f1o', 'a\nb', 5, null].map((id) => ['id', { id }] as const),
  ...['', '-1', '+1', '1,000.00', '1e3', '1.005', '1.', '.5', '01', ' 1', '10000000000', 'NaN', 100, null].map(
    (amount) => ['amount', { amount }] as const,
  ),
  ...['php', 'PESO', '', 'P\u20b1P', 5].map((currency) => ['currency', { currency }] as const),
  ...['D', 's', '', 'SS', 5].map((status) => ['status', { status }] as const),
  ...['', text(33), 'a:b', 'a\u0000', 5].map((refno) => ['refno', { refno }] as const),
  ['description', { description: text(129) }],
  ['description', { description: 'a\u0000b' }],
  ['email', { email: 5 }],
];

/** How rows are created and found. */
export const creationCases: RepositoryCases = {
  'returns the created row, with null for omitted details': async (bench) => {
    const txnid = newId();
    const created = await bench.repository.createPayment({ txnid, amount: '7.5' });
    const { createdAt, modifiedAt, ...rest } = created;
    assert.deepEqual(rest, {
      ...{ txnid, refno: null, status: 'P', reached: [], amount: '7.50', currency: 'PHP' },
      ...{ description: null, email: null, param1: null, param2: null, procid: null },
    });
    assert.ok(createdAt instanceof Date && modifiedAt instanceof Date);
    assert.ok(Math.abs(createdAt.getTime() - Date.now()) < 60_000);
    assert.deepEqual(await bench.repository.findPayment(txnid), created);
  },

  'stores every detail of a payment': async (bench) => {
    const details = {
      ...{ txnid: newId(), amount: '9999999999.99', currency: 'USD', status: 'V', refno: 'r/-_. 1' },
      description: '\u20b1\u{1f45f}'.repeat(64),
      ...{ email: 'juan@example.com', param1: "it's; drop table", param2: '\\', procid: 'GCSH' },
    } as const satisfies PaymentDetails;
    const { reached, createdAt, modifiedAt, ...rest } = await bench.repository.createPayment(details);
    assert.deepEqual(rest, details);
    assert.deepEqual(reached, ['V']);
    assert.deepEqual(await bench.row('payment', details.txnid), { ...rest, reached, createdAt, modifiedAt });
  },

  'stores every detail of a payout': async (bench) => {
    const details = {
      ...{ merchantTxnId: newId(), amount: '0.01', currency: 'CAD', status: 'H', refno: 'PAYOUT01' },
      ...{ description: 'Refund', userId: 'U-1', userName: 'Juan dela Cruz', email: 'juan@example.com' },
      ...{ mobile: '+63 917 123 4567', procid: 'GCSH', procDetail: '09171234567' },
    } as const satisfies PayoutDetails;
    const { reached, createdAt, modifiedAt, ...rest } = await bench.repository.createPayout(details);
    assert.deepEqual(rest, details);
    assert.deepEqual(await bench.row('payout', details.merchantTxnId), { ...rest, reached, createdAt, modifiedAt });
  },

  'refuses details that cannot be stored with a coded error that names them': async (bench) => {
    for (const kind of eachKind) {
      for (const [field, { id = newId(), ...details }] of unstorable) {
        const idField = kind === 'payment' ? 'txnid' : 'merchantTxnId';
        const given = { amount, ...details, [idField]: id } as unknown as PaymentDetails & PayoutDetails;
        const { repository } = bench;
        const made = (async () =>
          kind === 'payment' ? repository.createPayment(given) : repository.createPayout(given))();
        await assert.rejects(made, (error) => {
          refuses('invalid-details')(error);
          assert.equal((error as DragonpayError).subject, field === 'id' ? idField : field);
          return true;
        });
        if (field !== 'id') {
          assert.equal(await repository.findPayment(id as string), undefined);
          assert.equal(await repository.findPayout(id as string), undefined);
        }
      }
    }
  },

  'refuses the statuses of the other kind': async (bench) => {
    const txnid = newId();
    const payment = { txnid, amount, status: 'G' } as unknown as PaymentDetails;
    const payout = { merchantTxnId: txnid, amount, status: 'R' } as unknown as PayoutDetails;
    await assert.rejects(async () => bench.repository.createPayment(payment), refuses('invalid-details'));
    await assert.rejects(async () => bench.repository.createPayout(payout), refuses('invalid-details'));
  },

  'refuses an existing id and leaves its row unchanged': async (bench) => {
    for (const kind of eachKind) {
      const id = await (kind === 'payment' ? bench.payment() : bench.payout());
      await bench.unchanged(kind, id, () =>
        assert.rejects(
          kind === 'payment'
            ? bench.payment({ txnid: id, amount: '1.00' })
            : bench.payout({ merchantTxnId: id, amount: '1.00' }),
          refuses('already-exists'),
        ),
      );
    }
  },

  'finds nothing under an id that does not exist, and tells ids apart by case and spaces': async (bench) => {
    const txnid = await bench.payment({ txnid: `${newId()}-a` });
    for (const other of [newId(), '', `${txnid} `, ` ${txnid}`, txnid.toUpperCase(), "' or ''='", '%', text(200)]) {
      assert.equal(await bench.repository.findPayment(other), undefined, other);
      assert.equal(await bench.repository.findPayout(other), undefined, other);
    }
    for (const other of ['\0', `${txnid}\0`, '\ud800', 'Ni\u00f1o', 'a:b']) {
      assert.equal(await bench.repository.findPayment(other), undefined, other);
      assert.equal(await bench.repository.findPayout(other), undefined, other);
    }
    assert.deepEqual(await bench.tell('payment', `${txnid} `, 'S'), { outcome: 'not-found' });
    assert.equal((await bench.row('payment', txnid)).status, 'P');
  },
};
