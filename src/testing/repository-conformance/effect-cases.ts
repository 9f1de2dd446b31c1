import assert from 'node:assert/strict';
import { settlesWithin } from '../../async/wait.js';
import type { AppliedUpdate } from '../../model/callback-update.js';
import { amount, counting, eachKind, newId, type RepositoryCases, refno, refuses } from './repository-harness.js';
import { applied, expectedMove, moves } from './status-moves.js';

/** How long a row may take to be read while an effect runs, in milliseconds. */
const patience = 3_000;
const oneConnection =
  'the row could not be read while an effect runs: give the repository a pool of two connections or more';

type Case = [name: string, check: RepositoryCases[string]];

const effects: RepositoryCases = {
  'commits an effect with its move, and shows it the moved row in its transaction': async (bench) => {
    for (const kind of eachKind) {
      const id = await bench.inStatus(kind, 'P');
      let seen: unknown[] = [];
      const effect = counting(async (update, trx) => {
        seen = [update, (await bench.find(kind, id, { trx }))?.status];
      });
      const update = await bench.tell(kind, id, 'S', effect);
      assert.deepEqual(seen, [update, 'S']);
      assert.deepEqual(update, applied('P', 'S'));
      assert.equal((await bench.row(kind, id)).status, 'S');
      assert.equal(effect.runs, 1);
    }
  },

  'shows others the old row until the effect is committed (needs a second connection)': async (bench) => {
    for (const kind of eachKind) {
      const id = await bench.inStatus(kind, 'P');
      const before = await bench.row(kind, id);
      let seen: unknown;
      const effect = counting(async () => {
        const found = bench.find(kind, id).catch((cause: unknown) => {
          throw new Error(oneConnection, { cause });
        });
        assert.ok(await settlesWithin(found, patience), oneConnection);
        seen = await found;
      });
      await bench.tell(kind, id, 'S', effect);
      assert.deepEqual(seen, before);
    }
  },

  'rolls back when the effect fails, rejects with its error, applies the next delivery': async (bench) => {
    const id = await bench.payment();
    const failure = new Error('out of stock');
    const failing = counting(() => Promise.reject(failure));
    await bench.unchanged('payment', id, () =>
      assert.rejects(bench.tell('payment', id, 'S', failing), (error) => error === failure),
    );
    assert.deepEqual(await bench.inbox('payment', id), []);
    const effect = counting();
    assert.deepEqual(await bench.tell('payment', id, 'S', effect), applied('P', 'S'));
    assert.deepEqual([failing.runs, effect.runs], [1, 1]);
  },

  'runs an effect only for the outcome applied': async (bench) => {
    const effect = counting();
    const txnid = await bench.payment({ status: 'S', refno });
    const told = [
      await bench.deliver({ txnid, status: 'D' }, {}, effect),
      await bench.deliver({ txnid: newId(), status: 'S' }, {}, effect),
      await bench.deliver({ txnid, status: 'R', amount: '1.00' }, {}, effect),
      await bench.deliver({ txnid, status: 'S' }, {}, effect),
      await bench.deliver({ txnid, status: 'F' }, {}, effect),
    ];
    assert.deepEqual(
      told.map(({ outcome }) => outcome),
      ['unrecognized', 'not-found', 'mismatch', 'duplicate', 'stale'],
    );
    assert.equal(effect.runs, 0);
    assert.equal((await bench.inbox('payment', txnid)).length, 4);
  },
};

const races: RepositoryCases = {
  ...Object.fromEntries(
    [true, false].map(
      (withEffect): Case => [
        `applies one of 20 deliveries at once${withEffect ? ', and runs its effect once' : ' without an effect'}`,
        async (bench) => {
          const id = await bench.payment();
          const effect = counting();
          const told = await Promise.all(
            bench.atOnce(20, (one) => one.tell('payment', id, 'S', withEffect ? effect : undefined)),
          );
          const count = (outcome: string) => told.filter((update) => update.outcome === outcome).length;
          assert.deepEqual({ applied: count('applied'), duplicate: count('duplicate') }, { applied: 1, duplicate: 19 });
          assert.equal(effect.runs, withEffect ? 1 : 0);
          const [event, ...others] = await bench.inbox('payment', id);
          assert.equal(others.length, 0);
          assert.deepEqual(
            { deliveries: event?.deliveries, outcome: event?.outcome },
            { deliveries: 20, outcome: 'applied' },
          );
        },
      ],
    ),
  ),

  'counts each of 20 concurrent deliveries without a row': async (bench) => {
    const id = newId();
    await Promise.all(bench.atOnce(20, (one) => one.tell('payment', id, 'S')));
    const [event, ...others] = await bench.inbox('payment', id);
    assert.equal(others.length, 0);
    assert.equal(event?.deliveries, 20);
  },

  'applies one of many concurrent deliveries even if effects fail': async (bench) => {
    const id = await bench.payment();
    const effect = counting(async () => {
      if (effect.runs <= 2) throw new Error('not yet');
    });
    const told = await Promise.allSettled(bench.atOnce(8, (one) => one.tell('payment', id, 'S', effect)));
    const outcomesOf = told.map((result) => (result.status === 'rejected' ? 'rejected' : result.value.outcome)).sort();
    assert.deepEqual(outcomesOf, ['applied', ...Array(5).fill('duplicate'), 'rejected', 'rejected']);
    assert.equal(effect.runs, 3);
    assert.equal((await bench.inbox('payment', id))[0]?.deliveries, 6);
  },

  'takes a path that the machine allows when contradictory callbacks arrive at once': async (bench) => {
    for (const kind of eachKind) {
      for (let round = 0; round < 3; round++) {
        const id = await (kind === 'payment' ? bench.payment() : bench.payout());
        const effect = counting();
        const letters = [...moves[kind].to, ...moves[kind].to].sort(() => Math.random() - 0.5);
        const updates = await Promise.all(
          bench.atOnce(letters.length, (one, index) => one.tell(kind, id, letters[index] as string, effect)),
        );
        const way: string[] = [...(await bench.row(kind, id)).reached];
        const seen = `${letters.join('')} went ${way.join('')}`;
        assert.equal(new Set(way).size, way.length, seen);
        assert.equal((await bench.row(kind, id)).status, way.at(-1), seen);
        const expected = way.map((status, index) => {
          // The first P of a new row is applied, although its status is P already.
          const move =
            index === 0 && status === 'P' ? applied('P', 'P') : expectedMove(kind, way[index - 1] ?? 'P', status);
          assert.equal(move.outcome, 'applied', seen);
          return move;
        });
        const told = updates.filter(({ outcome }) => outcome === 'applied') as AppliedUpdate[];
        told.sort((one, other) => way.indexOf(one.current) - way.indexOf(other.current));
        assert.deepEqual(told, expected, seen);
        assert.equal(effect.runs, way.length, seen);
      }
    }
  },

  'lets one of many concurrent creations of the same id succeed': async (bench) => {
    const txnid = newId();
    const made = await Promise.allSettled(
      bench.atOnce(8, ({ repository }) => repository.createPayment({ txnid, amount })),
    );
    const refused = made.filter((result) => result.status === 'rejected');
    assert.equal(refused.length, 7);
    for (const { reason } of refused) refuses('already-exists')(reason);
  },
};

/** Atomic, exactly-once and concurrent effects. */
export const effectCases: RepositoryCases = { ...effects, ...races };
