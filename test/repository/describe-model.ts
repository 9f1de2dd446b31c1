import { expect } from 'chai';
import fc from 'fast-check';
import { type Kysely, sql, type Transaction } from 'kysely';
import {
  type CallbackRepository,
  DragonpayCallback,
  DragonpayError,
  type InboxEvent,
  MemoryRepository,
  OnStatus,
  type PaymentRow,
  type PayoutRow,
} from '../../src/index.js';
import { type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import { verifySigned } from '../../src/testing/verify-signed.js';
import { type CreatedDatabase, type DatabaseUnderTest, databases } from '../support/databases.js';
import { testDragonpay } from '../support/dispatch-signed.js';

type Kind = 'payment' | 'payout';

interface Delivery {
  readonly kind: Kind;
  readonly id: string;
  readonly refno: string;
  readonly status: string;
  readonly amount: string | undefined;
  readonly ccy: string | undefined;
  readonly method: 'GET' | 'POST';
  /** The effect of the callback, if it has one. */
  readonly effect: 'none' | 'works' | 'dawdles' | 'throws';
}

interface State {
  readonly rows: Record<string, { status: string; reached: string; refno: string | null }>;
  readonly inbox: Record<string, Kept>;
  readonly effects: string[];
}

interface Kept {
  readonly outcome: string;
  readonly reasons: string[];
  readonly deliveries: number;
  /** The amount and the currency of the delivery whose form is kept. */
  readonly amount: string | undefined;
  readonly ccy: string | undefined;
  /** The amounts and currencies of deliveries that did not fit, while the event is not applied. */
  readonly said: ReadonlyArray<{ readonly amount: string | undefined; readonly ccy: string | undefined }>;
}

// The model: the promises of a repository, in as little code as possible. It was written without the implementations.
const mayFollow: Record<Kind, Record<string, string>> = {
  payment: { P: 'SFURKVAE', U: 'PSFRKVAE', A: 'PSFURKVE', S: 'RK', F: 'S', V: 'S', E: 'S', R: 'K', K: '' },
  payout: { P: 'SFVGH', G: 'PSFVH', H: 'PSFVG', S: '', F: '', V: '' },
};

function deliver(state: State, delivery: Delivery, isCatchingUp = false): string {
  const { kind, id, refno, status, amount, ccy, effect } = delivery;
  const row = state.rows[`${kind} ${id}`];
  const differs: string[] = [];
  if (row && amount !== undefined && amount !== '100.00') differs.push('amount');
  if (row && ccy !== undefined && ccy !== 'PHP') differs.push('currency');
  const isRenamedPayment = kind === 'payout' && row?.refno === null && state.rows[`payment ${id}`] !== undefined;
  if (row && (row.refno === null ? isRenamedPayment : row.refno !== refno)) differs.push('refno');
  let outcome = 'stale';
  if (mayFollow[kind][status] === undefined) outcome = 'unrecognized';
  else if (row === undefined) outcome = 'not-found';
  else if (differs.length > 0) outcome = 'mismatch';
  else if (row.reached.includes(status)) outcome = row.status === status ? 'duplicate' : 'stale';
  else if (mayFollow[kind][row.status]?.includes(status) || (status === 'P' && row.status === 'P')) outcome = 'applied';
  const isLate = outcome === 'applied' && kind === 'payment' && status === 'S' && 'FVE'.includes(row?.status ?? '');
  if (outcome === 'applied') {
    if (effect === 'throws') return 'failed';
    if (effect !== 'none') state.effects.push(`${kind} ${id} ${status}`);
    Object.assign(row ?? {}, { status, refno, reached: `${row?.reached}${status}` });
  }
  const known = state.inbox[`${kind} ${id} ${refno} ${status}`];
  const news = outcome === 'mismatch' ? differs : outcome === 'applied' ? (isLate ? ['late'] : []) : [outcome];
  const isMisfit = !isCatchingUp && (outcome === 'not-found' || outcome === 'mismatch');
  const keeps = known?.outcome === 'applied' || (known?.outcome === 'not-found' && isMisfit);
  const said = known?.said ?? [];
  const isSaid = said.some((one) => one.amount === amount && one.ccy === ccy) || said.length === 8;
  state.inbox[`${kind} ${id} ${refno} ${status}`] = {
    outcome: keeps ? known.outcome : outcome,
    reasons: [...new Set([...(known?.reasons ?? []), ...news.filter((reason) => reason !== 'duplicate')])].sort(),
    deliveries: (known?.deliveries ?? 0) + 1,
    ...(keeps ? { amount: known.amount, ccy: known.ccy } : { amount, ccy }),
    said: isMisfit && !isSaid ? [...said, { amount, ccy }] : said,
  };
  return outcome;
}

/** A repository, and the model of it. Effects are told apart by run. */
interface Side {
  readonly name: string;
  readonly repositories: ReadonlyArray<KyselyRepository<Database> | MemoryRepository>;
  /**
   * The possible states after everything that was seen so far. They differ in invisible facts, such as the order of
   * forms.
   */
  states: readonly State[];
  readonly effect: (delivery: Delivery, trx: unknown) => Promise<void>;
  readonly effects: () => Promise<string[]>;
  /** Runs something in a transaction of another process. */
  readonly inTransaction: <Result>(work: (options: object) => Promise<Result>) => Promise<Result>;
  /** Applies the callbacks that came before their row, in all processes at the same time. */
  readonly catchUp: () => Promise<void>;
}

interface Database extends DragonpayTables {
  model_effects: { id: string };
}

class Effectless extends Error {}

async function perform({ repositories, effect }: Side, delivery: Delivery, number: number): Promise<string> {
  const { kind, id, refno, status, amount, ccy, method } = delivery;
  const fields = { refno, status, message: '', ...(amount && { amount }), ...(ccy && { ccy }) };
  const callback = await verifySigned(
    { ...(kind === 'payment' ? { txnid: id } : { merchantTxnId: id }), ...fields },
    { method },
  );
  const repository = repositories[number % repositories.length] as CallbackRepository;
  const run = (_update: unknown, trx: unknown) => effect(delivery, trx);
  try {
    const update = await repository.store(
      callback,
      delivery.effect === 'none' ? undefined : { milliseconds: 5_000, run },
    );
    return update.outcome;
  } catch (error) {
    if (error instanceof Effectless) return 'failed';
    throw error;
  }
}

async function misbehave(delivery: Delivery, write: () => Promise<void>): Promise<void> {
  await write();
  if (delivery.effect === 'dawdles') await new Promise((resolve) => setTimeout(resolve, 3));
  if (delivery.effect === 'throws') throw new Effectless();
}

/** The contents of the repository for one id, to be compared with {@link expected}. */
async function stored({ repositories: [repository] }: Side, kind: Kind, id: string) {
  const row = await (kind === 'payment' ? repository?.findPayment(id) : repository?.findPayout(id));
  const inbox = (await repository?.callbacks(kind === 'payment' ? { txnid: id } : { merchantTxnId: id })) ?? [];
  return { row: row && rowOf(row), inbox: inbox.map(eventOf).sort() };
}

function rowOf({ status, reached, refno }: PaymentRow | PayoutRow) {
  return { status: status as string, reached: reached.join(''), refno };
}

function eventOf({ refno, status, outcome, reasons, deliveries, raw }: InboxEvent): string {
  const form = new URLSearchParams(raw);
  return [refno, status, outcome, [...reasons].sort(), deliveries, form.get('amount'), form.get('ccy')].join(' ');
}

function expected(state: State, kind: Kind, id: string) {
  const inbox = Object.entries(state.inbox)
    .filter(([key]) => key.startsWith(`${kind} ${id} `))
    .map(([key, { outcome, reasons, deliveries, amount, ccy }]) =>
      [...key.split(' ').slice(2), outcome, reasons, deliveries, amount, ccy].join(' '),
    );
  return { row: state.rows[`${kind} ${id}`], inbox: inbox.sort() };
}

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

interface Sides {
  readonly sides: readonly Side[];
  /** The end of all ids of this run, because all runs share the tables. */
  readonly run: string;
}

class Create implements fc.AsyncCommand<object, Sides> {
  constructor(
    readonly kind: Kind,
    readonly id: string,
    readonly imported: { readonly status: string; readonly refno: string } | undefined,
    /** Whether the row is made with `trx`, by another process. */
    readonly inTransaction: boolean,
  ) {}
  check = () => true;
  async run(_model: object, { sides, run }: Sides): Promise<void> {
    const id = `${this.id}-${run}`;
    const key = `${this.kind} ${id}`;
    for (const { states, repositories, inTransaction } of sides) {
      const [repository] = repositories as [KyselyRepository<Database>];
      const details = { amount: '100.00', ...this.imported } as { amount: string };
      const create = (options: object): Promise<PaymentRow | PayoutRow> =>
        this.kind === 'payment'
          ? repository.createPayment({ txnid: id, ...details }, options)
          : repository.createPayout({ merchantTxnId: id, ...details }, options);
      const created = this.inTransaction ? inTransaction(create) : create({});
      const answer = await created.then(rowOf, (error) => (DragonpayError.is(error) ? error.code : error));
      for (const { rows } of states) {
        if (rows[key] !== undefined) {
          expect(answer).to.equal('already-exists');
        } else {
          const { status = 'P', refno = null } = this.imported ?? {};
          rows[key] = { status, reached: this.imported?.status ?? '', refno };
          expect(answer).to.deep.equal(rows[key]);
        }
      }
    }
  }
  toString = () => `create ${this.kind} ${this.id} ${JSON.stringify(this.imported)} ${this.inTransaction}`;
}

/** The different states that explain what was seen. Fails if there is none. */
function explain<Seen>(
  seen: Seen,
  explanations: ReadonlyArray<{ readonly state: State; readonly told: unknown }>,
  message: string,
): readonly State[] {
  const right = explanations.filter(({ told }) => JSON.stringify(told) === JSON.stringify(seen));
  if (right.length === 0) expect(seen, message).to.deep.equal(explanations[0]?.told);
  const known = ({ rows, inbox, effects }: State) =>
    JSON.stringify([Object.entries(rows).sort(), Object.entries(inbox).sort(), effects.toSorted()]);
  return [...new Map(right.map(({ state }) => [known(state), state])).values()];
}

let early = 0;

/** Applies the callbacks that came before their row, each once, in the order of their arrival. */
class CatchUp implements fc.AsyncCommand<object, Sides> {
  check = () => true;
  async run(_model: object, { sides, run }: Sides): Promise<void> {
    const ids = names.flatMap((name) => [
      ['payment', `${name}-${run}`] as const,
      ['payout', `${name}-${run}`] as const,
    ]);
    await Promise.all(sides.map((side) => this.#catchUp(side, ids)));
  }

  async #catchUp(side: Side, ids: ReadonlyArray<readonly [Kind, string]>): Promise<void> {
    for (const [kind, id] of ids) {
      const [repository] = side.repositories;
      const events = await repository?.callbacks(kind === 'payment' ? { txnid: id } : { merchantTxnId: id });
      for (const state of side.states) {
        if (state.rows[`${kind} ${id}`] === undefined) continue;
        for (const { refno, status, outcome } of events ?? []) {
          if (outcome !== 'not-found') continue;
          const kept = state.inbox[`${kind} ${id} ${refno} ${status}`] as Kept;
          const fits = ({ amount = '100.00', ccy = 'PHP' }) => amount === '100.00' && ccy === 'PHP';
          const { amount, ccy } = kept.said.find(fits) ?? kept;
          const again = { kind, id, refno, status, amount, ccy, method: 'POST', effect: 'works' } as const;
          const told = deliver(state, again, true);
          if (told === 'applied' && state === side.states[0]) early++;
        }
      }
    }
    await side.catchUp();
    for (const [kind, id] of ids) {
      const seen = await stored(side, kind, id);
      const told = side.states.map((state) => ({ state, told: expected(state, kind, id) }));
      side.states = explain(seen, told, `${side.name}, caught up with ${id}`);
    }
  }
  toString = () => 'catch up';
}

let interleavings = 0;

/**
 * One delivery, or several at the same time. If there are several, their results must follow from some order of them.
 */
class Deliver implements fc.AsyncCommand<object, Sides> {
  constructor(readonly deliveries: readonly Delivery[]) {}
  check = () => true;
  async run(_model: object, { sides, run }: Sides): Promise<void> {
    const deliveries = this.deliveries.map((delivery) => ({ ...delivery, id: `${delivery.id}-${run}` }));
    if (deliveries.length > 1) interleavings++;
    await Promise.all(sides.map((side) => this.#deliverTo(side, deliveries)));
  }

  async #deliverTo(side: Side, deliveries: readonly Delivery[]): Promise<void> {
    const outcomes = await Promise.all(deliveries.map((delivery, number) => perform(side, delivery, number)));
    for (const key of new Set(deliveries.map(({ kind, id }) => `${kind} ${id}`))) {
      const [kind, id] = key.split(' ') as [Kind, string];
      const members = [...deliveries.keys()].filter((number) => {
        return deliveries[number]?.kind === kind && deliveries[number]?.id === id;
      });
      const seen = { outcomes: members.map((number) => outcomes[number]), ...(await stored(side, kind, id)) };
      const explanations = side.states.flatMap((before) =>
        permutations(members).map((order) => {
          const state = structuredClone(before);
          const told = new Map(order.map((number) => [number, deliver(state, deliveries[number] as Delivery)]));
          return { state, told: { outcomes: members.map((number) => told.get(number)), ...expected(state, kind, id) } };
        }),
      );
      side.states = explain(seen, explanations, `${side.name} has no explanation`);
    }
  }

  toString = () => `deliver ${JSON.stringify(this.deliveries)}`;
}

const kinds = fc.constantFrom<Kind>('payment', 'payment', 'payout');
const names = ['a', 'b'];

const delivery: fc.Arbitrary<Delivery> = kinds.chain((kind) =>
  fc.record({
    kind: fc.constant(kind),
    id: fc.constantFrom(...names),
    refno: fc.constantFrom('R1', 'R1', 'R1', 'R1', 'R2'),
    status: fc.constantFrom(...(kind === 'payment' ? 'SSSFPURKVAEDs' : 'SFPVGHKs')),
    amount: fc.constantFrom(undefined, '100.00', '100.00', '100.00', '100.01'),
    ccy: fc.constantFrom(undefined, undefined, 'PHP', 'PHP', 'USD'),
    method: fc.constantFrom<'GET' | 'POST'>('GET', 'POST'),
    effect: fc.constantFrom<Delivery['effect']>('none', 'works', 'works', 'dawdles', 'throws'),
  }),
);
const imported = fc.record({ status: fc.constantFrom('P', 'F', 'S', 'V'), refno: fc.constant('R1') });
const creating = fc
  .tuple(kinds, fc.constantFrom(...names), fc.option(imported, { nil: undefined, freq: 4 }), fc.boolean())
  .map(([kind, id, given, inTransaction]) => new Create(kind, id, given, inTransaction));
const one = delivery.map((delivery) => new Deliver([delivery]));
const several = fc.array(delivery, { minLength: 2, maxLength: 5 }).map((deliveries) => new Deliver(deliveries));
const catching = fc.constant(new CatchUp());
const commands = fc.commands([creating, one, several, several, several, catching], { maxCommands: 24, size: 'max' });

/** Makes a receiver for each process. Each runs the effect of a status that is applied without a request. */
function receivers(
  repositories: readonly (KyselyRepository<Database> | MemoryRepository)[],
  effect: (id: string, trx: unknown) => Promise<void>,
): () => Promise<void> {
  @DragonpayCallback()
  class Shop {
    @OnStatus('S', 'F', 'P', 'U', 'R', 'K', 'V', 'A', 'E')
    pay({ data, status, trx }: { data: { txnid: string }; status: string; trx: unknown }) {
      return effect(`payment ${data.txnid} ${status}`, trx);
    }
    @OnStatus('S', 'F', 'P', 'V', 'G', 'H', { kind: 'payout' })
    payOut({ data, status, trx }: { data: { merchantTxnId: string }; status: string; trx: unknown }) {
      return effect(`payout ${data.merchantTxnId} ${status}`, trx);
    }
  }
  const dragonpays = repositories.map((repository) => {
    const dragonpay = testDragonpay({ repository: repository as CallbackRepository });
    dragonpay.endpoint(Shop);
    return dragonpay;
  });
  return async () => void (await Promise.all(dragonpays.map((dragonpay) => dragonpay.reconcile())));
}

/** Describes that all repositories behave like the model, in a number of runs of random commands. */
export function describeModel(runs: number): void {
  describe('The model of a repository', function () {
    this.timeout(0);
    this.slow(60_000);
    const kinds = databases.filter(({ isHere }) => isHere);
    const created: { readonly kind: DatabaseUnderTest; readonly database: CreatedDatabase }[] = [];
    const processes: (readonly KyselyRepository<Database>[])[] = [];

    before(async () => {
      for (const kind of kinds) {
        const database = await kind.create();
        created.push({ kind, database });
        await sql`create table model_effects (id varchar(100) not null)`.execute(database.db);
        // To the database, two repositories with connections of their own are two processes.
        processes.push(
          [1, 2].map(() => {
            const db = database.connect() as unknown as Kysely<Database>;
            return new KyselyRepository(db, { dialect: kind.dialect });
          }),
        );
      }
    });

    after(async () => {
      for (const { database } of created) await database.destroy();
    });

    const write = async (id: string, trx: unknown) => {
      await (trx as Transaction<Database>).insertInto('model_effects').values({ id }).execute();
    };

    const databaseSides = (): Side[] =>
      created.map(({ kind, database }, index) => ({
        name: kind.name,
        repositories: processes[index] ?? [],
        states: [{ rows: {}, inbox: {}, effects: [] }],
        effect: (delivery, trx) =>
          misbehave(delivery, () => write(`${delivery.kind} ${delivery.id} ${delivery.status}`, trx)),
        inTransaction: (work) => database.db.transaction().execute((trx) => work({ trx })),
        catchUp: receivers(processes[index] ?? [], write),
        effects: async () => {
          const db = database.db as unknown as Kysely<Database>;
          const rows = await db.selectFrom('model_effects').select('id').execute();
          await db.deleteFrom('model_effects').execute();
          return rows.map(({ id }) => id);
        },
      }));

    const memory = (): Side => {
      const done: string[] = [];
      // Each event needs its own millisecond: otherwise two events would have no order.
      let now = Date.now();
      const repositories = [new MemoryRepository({ clock: () => ++now })];
      return {
        name: 'memory',
        repositories,
        inTransaction: (work) => work({}),
        catchUp: receivers(repositories, async (id) => void done.push(id)),
        states: [{ rows: {}, inbox: {}, effects: [] }],
        // In memory there is no transaction to write in, so the effect of a failed method is not counted.
        effect: async (delivery) => {
          await misbehave(delivery, async () => {});
          done.push(`${delivery.kind} ${delivery.id} ${delivery.status}`);
        },
        effects: async () => done,
      };
    };

    it('explains what every repository does, for callbacks in a row and at the same time', async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(commands, async (generated) => {
          const sides = [...databaseSides(), memory()];
          const ids = String(++run);
          await fc.asyncModelRun(() => ({ model: {}, real: { sides, run: ids } }), generated);
          // Applies what is left, so that the next run begins without it.
          await new CatchUp().run({}, { sides, run: ids });
          for (const side of sides) {
            // Effects of a failed run are left out.
            const effects = (await side.effects()).filter((id) => id.includes(`-${ids} `));
            const told = side.states.map((state) => ({ state, told: state.effects.toSorted() }));
            explain(effects.sort(), told, `effects of ${side.name}`);
          }
        }),
        { numRuns: runs, endOnFailure: false },
      );
      expect(interleavings).to.be.greaterThan(runs / 3);
      expect(early, 'early callbacks').to.be.greaterThan(runs / 3);
    });
  });
}
