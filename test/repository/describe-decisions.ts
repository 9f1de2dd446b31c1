import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import type { CallbackKind } from '../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import type { RecordedUpdate } from '../../src/model/callback-update.js';
import type { VerifiedCallback } from '../../src/model/verified-callback.js';
import type { CallbackFields } from '../../src/protocol/sign-callback.js';
import { statuses } from '../../src/protocol/statuses.js';
import { decideUpdate } from '../../src/repository/decide-update.js';
import { verifySigned } from '../../src/testing/verify-signed.js';
import { type CreatedDatabase, describeDatabases, emptyTables } from '../support/databases.js';

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

/** What a callback says about the row's values: nothing, the same, or something else. It always has a refno. */
const sayings: readonly Readonly<Record<string, string>>[] = [{}, { amount: '100.00' }, { amount: '100.01' }].flatMap(
  (amount) =>
    [{}, { ccy: 'PHP' }, { ccy: 'USD' }].flatMap((currency) =>
      ['R1', 'R2'].map((refno) => ({ ...amount, ...currency, refno })),
    ),
);

/** The number of cases that are stored before the tables are emptied. */
const chunk = 4_000;

/** All texts of at most `most` of the letters, each in the order of the list. */
function subsets(letters: readonly string[], most: number): string[] {
  if (letters.length === 0 || most === 0) return [''];
  const [first = '', ...rest] = letters;
  return [...subsets(rest, most), ...subsets(rest, most - 1).map((text) => first + text)];
}

function* casesOf(kind: CallbackKind, { reached: most, varied }: Extent): Generator<Case> {
  const letters = Object.keys(statuses[kind]);
  let number = 0;
  for (const status of letters) {
    for (const reached of new Set([...subsets(letters, most), letters.join('')])) {
      for (const refno of reached.length > 1 ? ['R1'] : [null, 'R1']) {
        const row = { status, reached, refno };
        const said = reached.length <= varied ? sayings : [{ refno: 'R1' }];
        const callbacks = [...letters, 'D', 's'].flatMap((letter) =>
          said.map((fields) => ({ status: letter, ...fields })),
        );
        for (const fields of callbacks) {
          for (const isShared of kind === 'payout' && reached === '' ? [false, true] : [false]) {
            number++;
            yield { kind, id: `${kind}-${number}`, row, isShared, fields };
          }
        }
      }
    }
  }
}

/** The choice of cases. */
interface Extent {
  /** The maximum number of statuses that a row has reached. The set of all statuses is tried as well. */
  readonly reached: number;
  /** The same maximum for rows whose amount, currency and refno are varied, too. */
  readonly varied: number;
}

/**
 * Describes that each database decides as `decideUpdate` does: for every status, every set of reached statuses, and
 * every callback.
 */
export function describeDecisions(extent: Extent): void {
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
        const toCallback = callbackMaker();
        let count = 0;
        for (const cases of chunksOf(casesOf(kind, extent))) {
          await emptyTables(database.db);
          await insert(cases.filter(({ isShared }) => isShared).map(({ id }) => ({ txnid: id, ...values })));
          await insert(cases);
          const expected = new Map<string, unknown[]>();
          const actual = new Map<string, unknown[]>();
          const stores = cases.map(async (one) => {
            const callback = await toCallback(one);
            expected.set(one.id, expectedOf(one, callback));
            actual.set(one.id, [await repository.store(callback)]);
          });
          await Promise.all(stores);
          for (const { id, ...after } of await rowsOf(kind)) actual.get(id)?.push(after);
          const wrong = cases.flatMap((one) =>
            isDeepStrictEqual(actual.get(one.id), expected.get(one.id))
              ? []
              : [[one, expected.get(one.id), actual.get(one.id)]],
          );
          expect(wrong).to.deep.equal([]);
          count += cases.length;
        }
        expect(count).to.be.above(900);
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
          [one.kind === 'payment' ? 'txnid' : 'merchant_txn_id']: one.id,
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

function* chunksOf<Item>(items: Iterable<Item>): Generator<Item[]> {
  let part: Item[] = [];
  for (const item of items) {
    part.push(item);
    if (part.length < chunk) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

/** Makes the callbacks of cases. Callbacks that differ only in their id are signed and verified once. */
function callbackMaker(): (one: Case) => Promise<VerifiedCallback> {
  const verified = new Map<string, Promise<VerifiedCallback>>();
  return async ({ kind, id, fields }) => {
    const key = JSON.stringify(fields);
    let first = verified.get(key);
    if (first === undefined) {
      const name = kind === 'payment' ? 'txnid' : 'merchantTxnId';
      first = verifySigned({ [name]: id, message: '', ...fields } as CallbackFields);
      verified.set(key, first);
    }
    return { ...(await first), id };
  };
}

/** The expected effect of the callback on the row, and the row after it. */
function expectedOf({ row, isShared }: Case, callback: VerifiedCallback): [RecordedUpdate, Case['row']] {
  const update = decideUpdate(callback, { ...row, ...values }, isShared);
  const { status, refno } = callback;
  return [update, update.outcome === 'applied' ? { status, reached: row.reached + status, refno } : row];
}
