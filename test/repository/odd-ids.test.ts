import { expect } from 'chai';
import { describeRepositories } from '../support/describe-repositories.js';

const correction = [{ amount: '2.00' }, { reason: 'a test', by: 'a test' }] as const;

describeRepositories('An id that no row can have', (currentRepository) => {
  /** Ids that a program without types may take from a query or from JSON. */
  const ids: Readonly<Record<string, unknown>> = {
    'a NUL': 'T-1\0',
    'a lone surrogate': '\ud800',
    'a text that is too long': 'x'.repeat(100_000),
    undefined: undefined,
    null: null,
    zero: 0,
    'not a number': Number.NaN,
    'a list': ['T-1'],
    'two in a list': ['T-1', 'T-2'],
    'an object': { txnid: 1 },
    'an object that a driver asks for SQL': { toSqlString: () => "'T-1'", toPostgres: () => 'T-1' },
    bytes: Buffer.from('T-1'),
  };

  it('finds, claims and corrects nothing', async () => {
    const repository = currentRepository();
    await repository.createPayment({ txnid: 'T-1', amount: '1.00' });
    await repository.createPayout({ merchantTxnId: 'T-1', amount: '1.00' });
    for (const [what, given] of Object.entries(ids)) {
      const id = given as string;
      expect(await repository.findPayment(id), what).to.equal(undefined);
      expect(await repository.findPayout(id), what).to.equal(undefined);
      expect(await repository.claimPayment(id, { lease: 1_000 }), what).to.equal('not-found');
      await repository.finishInquiry({ txnid: id, lease: '0' });
      const code = await repository.correct(id, ...correction).catch((error) => error.code);
      expect(code, what).to.equal('not-found');
      const event = { kind: 'payment', id, refno: 'R1', status: 'S' } as const;
      expect(await repository.findEvent(event), what).to.equal(undefined);
      if (typeof id === 'string') {
        expect(await repository.findEvent({ ...event, id: 'T-1', refno: id }), what).to.equal(undefined);
      }
    }
    expect((await repository.findPayment('T-1'))?.amount).to.equal('1.00');
  });
});
