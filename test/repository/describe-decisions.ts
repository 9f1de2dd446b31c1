import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import type { CallbackKind } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import { statuses } from '../../src/protocol/statuses.js';
import { decideUpdate } from '../../src/repository/decide-update.js';
import { verifySigned } from '../../src/testing/verify-signed.js';
import { type CreatedDatabase, describeDatabases } from '../support/databases.js';

/** A row, and a callback about it. */
interface Case {
  readonly kind: CallbackKind;
  readonly id: string;
  readonly row: { readonly status: string; readonly reached: string; readonly refno: string | null };
  /** Whether a payment has the id of the payout. */
  readonly isShared: boolean;
  readonly fields: Readonly<Record<string, string>>;
}

const values = { amount: '100.00', currency: 'PHP' };

/** Fields in which callbacks differ from the row. */
const differing: readonly Readonly<Record<string, string>>[] = [
  { amount: '100.01' },
  { ccy: 'USD' },
  { refno: 'R2' },
  { amount: '100.01', ccy: 'USD', refno: 'R2' },
];

/** All texts of letters in order, with at most so many letters. */
function subsets(letters: readonly string[], most: number): string[] {
  if (letters.length === 0 || most === 0) return [''];
  const [first = '', ...rest] = letters;
  return [...subsets(rest, most), ...subsets(rest, most - 1).map((text) => first + text)];
}

function* casesOf(kind: CallbackKind, most: number): Generator<Case> {
  const letters = Object.keys(statuses[kind]);
  let number = 0;
  for (const status of letters) {
    for (const reached of new Set([...subsets(letters, most), letters.join('')])) {
      for (const refno of reached.length > 1 ? ['R1'] : [null, 'R1']) {
        const row = { status, reached, refno };
        const right = [...letters, 'D', 's'].map((letter) => ({ status: letter }));
        const wrong = reached === '' ? differing.map((fields) => ({ status: 'S', ...fields })) : [];
        for (const fields of [...right, ...wrong]) {
          for (const isShared of kind === 'payout' && reached === '' ? [false, true] : [false]) {
            number++;
            yield { kind, id: `D-${number}`, row, isShared, fields: { refno: 'R1', message: '', ...fields } };
          }
        }
      }
    }
  }
}

/**
 * Describes that each database decides as `decideUpdate` does: for every status, what was reached and every callback.
 * @param most how many statuses a row has reached at most, beside all of them
 */
export function describeDecisions(most: number): void {
  describeDatabases('The decision', ({ dialect, create }) => {
    let database: CreatedDatabase;
    before(async function () {
      this.timeout(30_000);
      database = await create();
    });
    after(() => database?.destroy());

    for (const kind of ['payment', 'payout'] as const) {
      it(`is that of decideUpdate, for each ${kind} and callback`, async function () {
        this.timeout(0);
        const repository = new KyselyRepository(database.db, { dialect, batch: 500 });
        const cases = [...casesOf(kind, most)];
        await insert(cases.filter(({ isShared }) => isShared).map(({ id }) => ({ txnid: `${kind}-${id}`, ...values })));
        await insert(cases);
        const expected = new Map<string, unknown[]>();
        const actual = new Map<string, unknown[]>();
        for (let start = 0; start < cases.length; start += 2_000) {
          const stores = cases.slice(start, start + 2_000).map(async (one) => {
            const { callback, update, after } = await expectedOf(one);
            expected.set(callback.id, [update, after]);
            actual.set(callback.id, [await repository.store(callback)]);
          });
          await Promise.all(stores);
        }
        for (const { id, ...after } of await rowsOf(kind)) actual.get(id)?.push(after);
        const wrong = cases.flatMap((one) => {
          const id = `${kind}-${one.id}`;
          return isDeepStrictEqual(actual.get(id), expected.get(id)) ? [] : [[one, expected.get(id), actual.get(id)]];
        });
        expect(wrong).to.deep.equal([]);
        expect(cases.length).to.be.above(900);
      });
    }

    async function rowsOf(kind: CallbackKind) {
      const { db } = database;
      return kind === 'payment'
        ? db.selectFrom('dragonpay_transactions').select(['txnid as id', 'status', 'reached', 'refno']).execute()
        : db.selectFrom('dragonpay_payouts').select(['merchant_txn_id as id', 'status', 'reached', 'refno']).execute();
    }

    async function insert(rows: readonly (Case | { readonly txnid: string })[]): Promise<void> {
      const stored = rows.map((one) => {
        if ('txnid' in one) return { ...one };
        return {
          [one.kind === 'payment' ? 'txnid' : 'merchant_txn_id']: `${one.kind}-${one.id}`,
          ...one.row,
          ...values,
        };
      });
      const isPayout = rows.some((one) => 'kind' in one && one.kind === 'payout');
      const table: keyof DragonpayTables = isPayout ? 'dragonpay_payouts' : 'dragonpay_transactions';
      for (let start = 0; start < stored.length; start += 500) {
        const part = stored.slice(start, start + 500) as never[];
        await database.db.insertInto(table).values(part).execute();
      }
    }
  });
}

/** What the callback must do to the row, and the row after it. */
async function expectedOf({ kind, id, row, isShared, fields }: Case) {
  const callback = await verifySigned({
    [kind === 'payment' ? 'txnid' : 'merchantTxnId']: `${kind}-${id}`,
    ...fields,
  });
  const update = decideUpdate(callback, { ...row, ...values }, isShared);
  const { status, refno } = callback;
  const after = update.outcome === 'applied' ? { status, reached: row.reached + status, refno } : row;
  return { callback, update, after };
}
