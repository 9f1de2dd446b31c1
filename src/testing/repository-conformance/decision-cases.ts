import assert from 'node:assert/strict';
import { idFields } from '../../protocol/kinds.js';
import type { CallbackFields } from '../../protocol/sign-callback.js';
import { verifySigned } from '../verify-signed.js';
import { amount, counting, eachKind, newId, type RepositoryCases, refno } from './repository-harness.js';
import { applied, expectedMove, moves } from './status-moves.js';

type Case = [name: string, check: RepositoryCases[string]];

const unknownLetters = { payment: ['D', 'G', 'H', 's', 'p'], payout: ['D', 'R', 'K', 'U', 's'] } as const;

const outcomes: RepositoryCases = {
  'answers unrecognized for an unknown letter and leaves the row unchanged': async (bench) => {
    for (const kind of eachKind) {
      const id = await bench.inStatus(kind, 'P');
      for (const letter of unknownLetters[kind]) {
        const update = await bench.unchanged(kind, id, () => bench.tell(kind, id, letter));
        assert.deepEqual(update, { outcome: 'unrecognized' }, letter);
      }
      const inbox = await bench.inbox(kind, id);
      assert.deepEqual(inbox.map(({ status }) => status).sort(), [...unknownLetters[kind]].sort());
    }
  },

  'decides unrecognized before not-found and before mismatch': async (bench) => {
    assert.deepEqual(await bench.tell('payment', newId(), 'D'), { outcome: 'unrecognized' });
    const txnid = await bench.payment();
    const update = await bench.deliver({ txnid, status: 'D', amount: '1.00', ccy: 'USD' });
    assert.deepEqual(update, { outcome: 'unrecognized' });
  },

  'answers not-found for a callback without a row and creates no row': async (bench) => {
    const id = newId();
    for (const kind of eachKind) {
      assert.deepEqual(await bench.tell(kind, id, 'S'), { outcome: 'not-found' });
      assert.deepEqual(
        (await bench.inbox(kind, id)).map(({ outcome }) => outcome),
        ['not-found'],
      );
    }
    assert.equal(await bench.repository.findPayment(id), undefined);
    assert.equal(await bench.repository.findPayout(id), undefined);
  },

  'decides mismatch before applied, duplicate and stale': async (bench) => {
    for (const status of ['R', 'S', 'P']) {
      const txnid = await bench.payment({ status: 'S' });
      const update = await bench.unchanged('payment', txnid, () => bench.deliver({ txnid, status, amount: '100.01' }));
      assert.deepEqual(update, { outcome: 'mismatch', current: 'S', differs: ['amount'] }, status);
    }
  },

  'names everything that differs in a mismatch': async (bench) => {
    const txnid = await bench.payment({ refno });
    const update = await bench.deliver({ txnid, refno: 'ANOTHER1', status: 'S', amount: '1.00', ccy: 'USD' });
    assert.deepEqual(update, { outcome: 'mismatch', current: 'P', differs: ['amount', 'currency', 'refno'] });
  },

  'detects a mismatch with every proof, whether or not it covers the amount': async (bench) => {
    for (const proof of ['sha1', 'hmac', 'rsa'] as const) {
      const txnid = await bench.payment();
      const update = await bench.deliver({ txnid, status: 'S', amount: '99.99' }, { proof });
      assert.deepEqual(update, { outcome: 'mismatch', current: 'P', differs: ['amount'] }, proof);
    }
  },
};

const machine: RepositoryCases = {
  ...Object.fromEntries(
    eachKind.flatMap((kind) =>
      Object.keys(moves[kind].from).map(
        (from): Case => [
          `moves a ${kind} from ${from} to the statuses that the machine allows, and to no other`,
          async (bench) => {
            for (const to of moves[kind].to) {
              const imported = await bench.inStatus(kind, from);
              const told = await (kind === 'payment' ? bench.payment() : bench.payout());
              await bench.tell(kind, told, from);
              for (const id of [imported, told]) {
                const update = await bench.tell(kind, id, to);
                assert.deepEqual(update, expectedMove(kind, from, to), `${from} to ${to}`);
                const { status, reached } = await bench.row(kind, id);
                assert.equal(status, update.outcome === 'applied' ? to : from);
                assert.equal(reached.at(-1), status);
              }
            }
          },
        ],
      ),
    ),
  ),

  'applies the first P of a new row and answers duplicate for every later one': async (bench) => {
    for (const kind of eachKind) {
      const id = await (kind === 'payment' ? bench.payment() : bench.payout());
      assert.deepEqual((await bench.row(kind, id)).reached, []);
      const effect = counting();
      assert.deepEqual(await bench.tell(kind, id, 'P', effect), applied('P', 'P'));
      assert.deepEqual(await bench.tell(kind, id, 'P', effect), { outcome: 'duplicate', current: 'P' });
      assert.deepEqual((await bench.row(kind, id)).reached, ['P']);
      assert.equal(effect.runs, 1);
    }
  },

  'never enters a status twice': async (bench) => {
    const id = await bench.payment();
    const effect = counting();
    const told: string[] = [];
    for (const status of 'PUAUPAPUS') told.push((await bench.tell('payment', id, status, effect)).outcome);
    assert.equal(told.join(' '), 'applied applied applied stale stale duplicate stale stale applied');
    assert.equal(effect.runs, 4);
    const { reached, status } = await bench.row('payment', id);
    assert.deepEqual({ reached, status }, { reached: ['P', 'U', 'A', 'S'], status: 'S' });
  },

  'allows a move to P if no callback brought P before': async (bench) => {
    const id = await bench.payment();
    assert.deepEqual(await bench.tell('payment', id, 'U'), applied('P', 'U'));
    assert.deepEqual(await bench.tell('payment', id, 'P'), applied('U', 'P'));
    assert.deepEqual(await bench.tell('payment', id, 'U'), { outcome: 'stale', current: 'P' });
  },

  'counts an imported status as reached': async (bench) => {
    const txnid = await bench.payment({ status: 'A', refno });
    const { status, reached } = await bench.row('payment', txnid);
    assert.deepEqual({ status, reached }, { status: 'A', reached: ['A'] });
    assert.deepEqual(await bench.tell('payment', txnid, 'A'), { outcome: 'duplicate', current: 'A' });
    assert.deepEqual(await bench.tell('payment', txnid, 'U'), applied('A', 'U'));
    assert.deepEqual(await bench.tell('payment', txnid, 'A'), { outcome: 'stale', current: 'U' });
  },

  'reports a late payment, then allows a refund and a chargeback': async (bench) => {
    const id = await bench.payment();
    assert.deepEqual(await bench.tell('payment', id, 'E'), applied('P', 'E'));
    assert.deepEqual(await bench.tell('payment', id, 'S'), applied('E', 'S', true));
    assert.deepEqual(await bench.tell('payment', id, 'R'), applied('S', 'R'));
    assert.deepEqual(await bench.tell('payment', id, 'K'), applied('R', 'K'));
    assert.deepEqual(await bench.tell('payment', id, 'S'), { outcome: 'stale', current: 'K' });
  },
};

const columns: RepositoryCases = {
  'compares amounts as decimals': async (bench) => {
    const pairs = [
      ['100', '100.00', 'applied'],
      ['100.5', '100.50', 'applied'],
      ['0.10', '0.1', 'applied'],
      ['0', '0.00', 'applied'],
      ['9999999999.99', '9999999999.99', 'applied'],
      ['100', '100.01', 'mismatch'],
      ['0.10', '0.01', 'mismatch'],
      ['9999999999.99', '9999999999.98', 'mismatch'],
      ['9', '10', 'mismatch'],
    ] as const;
    for (const [stored, sent, expected] of pairs) {
      const txnid = await bench.payment({ amount: stored });
      const { outcome } = await bench.deliver({ txnid, status: 'S', amount: sent });
      assert.equal(outcome, expected, `${stored} and ${sent}`);
    }
  },

  'compares amount and currency only if the callback has them': async (bench) => {
    const txnid = await bench.payment({ currency: 'USD' });
    assert.deepEqual(await bench.deliver({ txnid, status: 'P', amount: '', ccy: '' }), applied('P', 'P'));
    assert.deepEqual(await bench.deliver({ txnid, status: 'S' }), applied('P', 'S'));
  },

  'compares currencies in any letter case': async (bench) => {
    const txnid = await bench.payment({ currency: 'USD' });
    const update = await bench.deliver({ txnid, status: 'S', ccy: 'PHP' });
    assert.deepEqual(update, { outcome: 'mismatch', current: 'P', differs: ['currency'] });
    assert.deepEqual(await bench.deliver({ txnid, status: 'S', ccy: 'usd' }), applied('P', 'S'));
  },

  'stores the refno of the first callback that moves the row and accepts no other': async (bench) => {
    const txnid = await bench.payment();
    assert.equal((await bench.row('payment', txnid)).refno, null);
    await bench.deliver({ txnid, refno: 'WRONGSUM', status: 'S', amount: '1.00' });
    assert.equal((await bench.row('payment', txnid)).refno, null);
    await bench.deliver({ txnid, refno: 'FIRST001', status: 'P' });
    assert.equal((await bench.row('payment', txnid)).refno, 'FIRST001');
    const other = await bench.unchanged('payment', txnid, () =>
      bench.deliver({ txnid, refno: 'first001', status: 'S' }),
    );
    assert.deepEqual(other, { outcome: 'mismatch', current: 'P', differs: ['refno'] });
    assert.deepEqual(await bench.deliver({ txnid, refno: 'FIRST001', status: 'S' }), applied('P', 'S'));
  },

  'stores only the status and the refno of a callback in the row': async (bench) => {
    for (const proof of ['sha1', 'hmac', 'rsa'] as const) {
      const txnid = await bench.payment({ description: 'Shoes', email: 'juan@example.com', param1: 'mine' });
      const before = await bench.row('payment', txnid);
      await bench.deliver(
        { txnid, status: 'S', message: 'Paid', param1: 'theirs', param2: 'theirs', procid: 'BPI', ccy: 'PHP', amount },
        { proof },
      );
      const { modifiedAt, ...after } = await bench.row('payment', txnid);
      const { modifiedAt: createdAt, ...unmoved } = before;
      assert.deepEqual(after, { ...unmoved, status: 'S', reached: ['S'], refno }, proof);
      assert.ok(modifiedAt >= createdAt);
    }
  },
};

const payouts: RepositoryCases = {
  'moves payouts by the status machine of payouts': async (bench) => {
    const merchantTxnId = await bench.payout({ refno });
    const told: unknown[] = [];
    for (const status of 'PGHSF') told.push(await bench.deliver({ merchantTxnId, status, amount, ccy: 'PHP' }));
    assert.deepEqual(told, [
      applied('P', 'P'),
      applied('P', 'G'),
      applied('G', 'H'),
      applied('H', 'S'),
      { outcome: 'stale', current: 'S' },
    ]);
  },

  'keeps payments and payouts of the same id apart': async (bench) => {
    const id = await bench.payment();
    await bench.repository.createPayout({ merchantTxnId: id, amount, refno: 'PAYOUT01' });
    await bench.unchanged('payout', id, () => bench.tell('payment', id, 'S'));
    await bench.unchanged('payment', id, () => bench.deliver({ merchantTxnId: id, refno: 'PAYOUT01', status: 'F' }));
    assert.deepEqual([(await bench.row('payment', id)).status, (await bench.row('payout', id)).status], ['S', 'F']);
    assert.equal((await bench.inbox('payment', id)).length, 1);
    assert.equal((await bench.inbox('payout', id)).length, 1);
  },

  "changes nothing for a payment's callback that was renamed to one of a payout": async (bench) => {
    const rename = ({ txnid, ...rest }: CallbackFields) => ({ merchantTxnId: txnid as string, ...rest });
    const paid = await bench.payment();
    const renamed = (id: string) => bench.deliver({ txnid: id, status: 'S', message: 'Paid' }, { onTheWay: rename });
    assert.deepEqual(await renamed(paid), { outcome: 'not-found' });

    // The ids are equal, and there is no refno to tell the two apart.
    await bench.repository.createPayout({ merchantTxnId: paid, amount });
    const refused = { outcome: 'mismatch', current: 'P', differs: ['refno'] };
    assert.deepEqual(await bench.unchanged('payout', paid, () => renamed(paid)), refused);
    await bench.tell('payment', paid, 'S');
    assert.deepEqual(await bench.unchanged('payout', paid, () => renamed(paid)), refused);

    const withRefno = await bench.payment();
    await bench.repository.createPayout({ merchantTxnId: withRefno, amount, refno: 'PAYOUT01' });
    assert.deepEqual(await bench.unchanged('payout', withRefno, () => renamed(withRefno)), refused);
  },

  'accepts the callback of a payout without refno if no payment has its id': async (bench) => {
    const merchantTxnId = await bench.payout();
    assert.deepEqual(await bench.deliver({ merchantTxnId, status: 'S' }), applied('P', 'S'));
    assert.equal((await bench.row('payout', merchantTxnId)).refno, refno);
  },
};

const confirmation: RepositoryCases = {
  'stores with storeUnlessMovable only callbacks that would not move their row': async (bench) => {
    const { repository } = bench;
    if (repository.storeUnlessMovable === undefined) return;
    for (const kind of eachKind) {
      const id = await bench.inStatus(kind, 'P');
      const tellUnlessMovable = async (status: string) =>
        repository.storeUnlessMovable?.(await verifySigned({ [idFields[kind]]: id, status, refno, message: '' }));
      assert.equal(await bench.unchanged(kind, id, () => tellUnlessMovable('S')), 'movable');
      assert.deepEqual(await bench.inbox(kind, id), []);
      await bench.tell(kind, id, 'S');
      assert.deepEqual(await tellUnlessMovable('S'), { outcome: 'duplicate', current: 'S' });
      assert.deepEqual(await tellUnlessMovable('F'), { outcome: 'stale', current: 'S' });
      const events = (await bench.inbox(kind, id)).map(({ status, deliveries }) => `${status} ${deliveries}`);
      assert.deepEqual(events.sort(), ['F 1', 'S 2']);
    }
  },
};

/** How a callback changes a row. */
export const decisionCases: RepositoryCases = { ...outcomes, ...machine, ...columns, ...payouts, ...confirmation };
