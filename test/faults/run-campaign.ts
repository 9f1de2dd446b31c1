import { setTimeout as sleep } from 'node:timers/promises';
import { Migrator, type Transaction } from 'kysely';
import { DragonpayError } from '../../src/index.js';
import { createMigrations, KyselyRepository } from '../../src/kysely.js';
import { ApplicationProcess, bundleApplication, deleteBundle } from './application-process.js';
import { check, type Evidence, leftEarly, type Violation } from './check.js';
import { CuttingProxy, type Verdict } from './cutting-proxy.js';
import { type FaultsKind, type FaultsName, type FaultsPool, type FaultsServer, faultsKinds } from './databases.js';
import type { FaultsDatabase } from './effects.js';
import { Gateway } from './gateway.js';
import { type History, makeHistory } from './histories.js';
import { PgBouncer, type PoolMode } from './pgbouncer.js';
import { Random } from './random.js';
import { ReplicatedPostgres } from './replicated-postgres.js';

export interface CampaignOptions {
  /** Default: `postgres`. */
  readonly database?: FaultsName;
  /** Puts PgBouncer between the applications and PostgreSQL. */
  readonly pooler?: PoolMode;
  /** Gives PostgreSQL a synchronous standby, which is promoted each time the primary is killed. */
  readonly standby?: boolean;
  readonly seed: number;
  readonly seconds: number;
  readonly processes: number;
  /** The number of concurrent payments. */
  readonly width: number;
  /** How close together the faults are. Default: `hardest`. */
  readonly pace?: Partial<Pace>;
  /** Called with the progress from time to time. */
  readonly progress?: (line: string) => void;
}

/** How close together the faults are. */
export interface Pace {
  /** The mean number of seconds between two faults of processes, databases, networks and clocks. */
  readonly pause: number;
  /**
   * The share of methods that misbehave. A misbehaving method holds its connection as long as hundreds of others
   * together.
   */
  readonly misbehaving: number;
  /** The number of connections of the smallest pool. The others have one or two more. */
  readonly connections: number;
  /** Multiplies the repetitions of callbacks. */
  readonly copies: number;
}

/** Most faults for each callback. */
export const hardest: Pace = { pause: 1, misbehaving: 0.25, connections: 2, copies: 1 };

export interface CampaignReport {
  readonly payments: number;
  /** The number of deliveries, without repetitions. */
  readonly callbacks: number;
  readonly sends: number;
  readonly acknowledged: number;
  readonly givenUp: number;
  readonly answers: Readonly<Record<string, number>>;
  readonly moves: number;
  readonly effects: number;
  /** Events that came before their row and were applied. */
  readonly early: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
  /** Application processes that exited by themselves, or not cleanly after SIGTERM. */
  readonly crashes: readonly string[];
}

/** Runs applications on one database under random faults, then checks the stored data. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const campaign = new Campaign(options);
  try {
    await campaign.start();
    await campaign.run();
    return await campaign.judge();
  } finally {
    await campaign.end();
  }
}

const day = 86_400_000;

/** How far a clock is set forward, or back. */
const steps = [-400 * day, -day, -3_600_000, -5_000, 5_000, 3_600_000, day, 400 * day];
/** A SQLite file has the clock of its processes. A lease that ends within an hour counts until that time. */
const stepsOfFile = steps.filter((step) => Math.abs(step) !== 3_600_000);

class Campaign {
  readonly #options: CampaignOptions;
  readonly #pace: Pace;
  readonly #random: Random;
  readonly #faults: Record<string, number> = {};
  readonly #histories: History[] = [];
  readonly #applications: ApplicationProcess[] = [];
  readonly #gateway: Gateway;
  readonly #kind: FaultsKind;
  #server: FaultsServer | undefined;
  #pooler: PgBouncer | undefined;
  #merchant: FaultsPool | undefined;
  readonly #calm = new AbortController();
  #starts = 0;

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#pace = { ...hardest, ...options.pace };
    this.#kind = faultsKinds[options.database ?? 'postgres'];
    this.#random = new Random(options.seed);
    const ports = () => this.#applications.flatMap(({ port }) => (port === undefined ? [] : [port]));
    this.#gateway = new Gateway(ports, new Random(options.seed + 1));
  }

  async start(): Promise<void> {
    const { dialect, effectsTables } = this.#kind;
    await bundleApplication();
    this.#server = this.#options.standby ? await ReplicatedPostgres.start() : await this.#kind.start();
    const { url } = this.#server;
    this.#merchant = this.#kind.open(url, 4);
    const migrations = createMigrations({ dialect });
    const migrator = new Migrator({ db: this.#merchant.db, provider: migrations, ...migrations });
    const { error } = await migrator.migrateToLatest();
    if (error) throw error;
    await this.#query(...effectsTables);
    const { pooler } = this.#options;
    this.#pooler = pooler && (await PgBouncer.start(url, pooler));
    for (let number = 0; number < this.#options.processes; number++) {
      const proxy = await CuttingProxy.start(() => this.#pooler?.port ?? Number(new URL(url).port));
      const environment = () => ({
        DATABASE_URL: proxy.through(url),
        FAULTS_DATABASE: this.#options.database ?? 'postgres',
        FAULTS_SEED: String(this.#options.seed + 1_000 * ++this.#starts),
        FAULTS_POOL: String(this.#pace.connections + (number % 3)),
        FAULTS_MISBEHAVING: String(this.#pace.misbehaving),
      });
      const application = new ApplicationProcess(proxy, environment, (name) => this.#count(`handler ${name}`));
      this.#applications.push(application);
      await application.start();
    }
  }

  async run(): Promise<void> {
    const { seconds, width, seed, progress } = this.#options;
    const endsAt = performance.now() + 1_000 * seconds;
    const chaos = this.#makeTrouble();
    const news = setInterval(() => {
      progress?.(`${this.#histories.length} payments, ${this.#gateway.sends} sends, ${JSON.stringify(this.#faults)}`);
    }, 30_000);
    const chance = new Random(seed + 2);
    const customer = async () => {
      while (performance.now() < endsAt) {
        const history = makeHistory(`T-${this.#histories.length}`, chance, this.#pace.copies);
        this.#histories.push(history);
        const { madeAfter } = history;
        if (madeAfter === 0) await this.#create(history);
        const making = madeAfter > 0 && sleep(madeAfter).then(() => this.#create(history));
        await Promise.all([making, this.#gateway.tell(history)]);
      }
    };
    const customers = Promise.all(Array.from({ length: width }, customer));
    await sleep(1_000 * seconds);
    // The remaining deliveries finish without further faults. Handlers still misbehave.
    this.#calm.abort();
    await Promise.all([customers, chaos]);
    clearInterval(news);
  }

  /**
   * Creates the row as a merchant does before asking for a payment, or too late, sometimes in a transaction. Retries
   * until it exists.
   */
  async #create({ kind, id, amount, currency, madeAfter }: History): Promise<void> {
    for (;;) {
      try {
        const db = this.#merchant?.db;
        if (db === undefined) throw new Error('the campaign has not started');
        const repository = new KyselyRepository(db, { dialect: this.#kind.dialect });
        const create = (options: { trx?: Transaction<FaultsDatabase> }): Promise<unknown> =>
          kind === 'payment'
            ? repository.createPayment({ txnid: id, amount, currency }, options)
            : repository.createPayout({ merchantTxnId: id, amount, currency }, options);
        if (madeAfter % 2 < 1) await create({});
        else await db.transaction().execute((trx) => create({ trx }));
        return;
      } catch (error) {
        const isThere = DragonpayError.is(error) && error.code === 'already-exists';
        if (isThere && (await this.#isDurable())) return;
        await sleep(200);
      }
    }
  }

  /**
   * Whether everything that can be read now is durable. If a session is terminated while its COMMIT waits for the
   * standby, its row can be read, but a failover loses it. After a COMMIT that was answered, all earlier ones are
   * durable.
   */
  #isDurable(): Promise<boolean> {
    return this.#query('update fault_orders set number = number').then(
      () => true,
      () => false,
    );
  }

  #count(fault: string): void {
    this.#faults[fault] = (this.#faults[fault] ?? 0) + 1;
  }

  async #makeTrouble(): Promise<void> {
    for (const { proxy } of this.#applications) proxy.judge = (said) => this.#judge(said);
    const killed = this.#options.standby ? 'primary killed, standby promoted' : 'database killed';
    const troubles: ReadonlyArray<readonly [weight: number, name: string, make: () => void | Promise<void>]> = [
      [4, 'application killed', () => this.#restartApplication()],
      [1, 'application drained and started again', () => this.#renewApplication()],
      [1, 'application frozen', () => this.#application().freeze(this.#random.between(200, 1_500))],
      [1.5, killed, () => this.#server?.crash(this.#random.between(0, 500))],
      [1.5, 'pooler killed', () => this.#pooler?.crash(this.#random.between(0, 500))],
      [4, 'connections cut', () => this.#application().proxy.cutAll()],
      [2, 'network stalled', () => this.#application().proxy.stall(this.#random.between(100, 900))],
      [
        3,
        'clock stepped',
        () => this.#application().stepClock(this.#random.pick(this.#kind.isFile ? stepsOfFile : steps)),
      ],
      [3, 'pool exhausted', () => this.#application().exhaustPool(this.#random.between(200, 1_500))],
      [4, 'backend terminated', () => this.#kind.terminateBackend(this.#server?.url ?? '')],
      [4, 'row locked', () => this.#lockRow(this.#random.between(100, 1_500))],
    ];
    const impossible: string[] = [];
    const ofServers = [killed, 'connections cut', 'network stalled', 'backend terminated'];
    if (this.#kind.isFile) impossible.push(...ofServers);
    if (this.#pooler === undefined) impossible.push('pooler killed');
    const possible = troubles.filter(([, name]) => !impossible.includes(name));
    // Weighted by frequency.
    const drawn = possible.flatMap((trouble) => Array.from({ length: 2 * trouble[0] }, () => trouble));
    const pending = new Set<Promise<void>>();
    while (!this.#calm.signal.aborted) {
      const pause = this.#pace.pause * this.#random.between(100, 1_900);
      await sleep(pause, undefined, { signal: this.#calm.signal }).catch(() => {});
      if (this.#calm.signal.aborted) break;
      const [, name, make] = this.#random.pick(drawn);
      this.#count(name);
      const made = Promise.resolve(make()).catch(() => {});
      // Other faults continue during a slow restart, but a server is not killed while it starts.
      if (name === killed || name === 'pooler killed') await made;
      pending.add(made);
      void made.then(() => pending.delete(made));
    }
    for (const { proxy } of this.#applications) proxy.judge = () => 'pass';
    await Promise.all(pending);
  }

  /** Sometimes breaks a connection at COMMIT or during a move. */
  #judge(said: Buffer): Verdict {
    const isCommit = this.#kind.isCommit(said);
    if (!isCommit && !said.includes('dragonpay-pay')) return 'pass';
    const verdict: Verdict = this.#random.chance(isCommit ? 0.02 : 0.005)
      ? this.#random.pick(['cut', 'swallow', 'swallow', 'silence'] as const)
      : 'pass';
    if (verdict !== 'pass') this.#count(`${verdict} at ${isCommit ? 'COMMIT' : 'a move'}`);
    return verdict;
  }

  #application(): ApplicationProcess {
    return this.#random.pick(this.#applications);
  }

  async #restartApplication(): Promise<void> {
    const application = this.#application();
    if (application.port === undefined) return;
    await application.kill();
    await sleep(this.#random.between(0, 300));
    await application.start();
  }

  /** Sends SIGTERM and starts a new process, as a deployment does. */
  async #renewApplication(): Promise<void> {
    const application = this.#application();
    if (application.port === undefined) return;
    if (!(await application.terminate())) application.crashes.push('did not end in good order');
    await application.start();
  }

  /** Locks a row in a transaction of the merchant. */
  async #lockRow(milliseconds: number): Promise<void> {
    // A SQLite file has one lock for all rows: each transaction that writes takes it.
    if (this.#kind.isFile) return this.#merchant?.hold(milliseconds);
    const { kind, id } = this.#random.pick(this.#histories.slice(-this.#options.width));
    const [table, key] =
      kind === 'payment' ? ['dragonpay_transactions', 'txnid'] : ['dragonpay_payouts', 'merchant_txn_id'];
    const lock = `select 1 from ${table} where ${key} = '${id}' for update`;
    await this.#query('begin', lock, this.#kind.sleep(milliseconds / 1_000), 'rollback');
  }

  async judge(): Promise<CampaignReport> {
    const crashes: string[] = [];
    await this.#untilCaughtUp();
    for (const application of this.#applications) {
      if (!(await application.terminate())) crashes.push('did not end in good order at last');
      crashes.push(...application.crashes);
    }
    const events = this.#histories.flatMap(({ events }) => events);
    const evidence = await this.#readEvidence();
    return {
      payments: this.#histories.length,
      callbacks: sum(events.map(({ deliveries }) => deliveries.length)),
      sends: this.#gateway.sends,
      acknowledged: sum(events.map(({ acknowledged }) => acknowledged.length)),
      givenUp: sum(events.filter(({ nature }) => nature !== 'forged').map(({ givenUp }) => givenUp)),
      answers: Object.fromEntries([...this.#gateway.answers].sort(([one], [other]) => one - other)),
      moves: sum(evidence.rows.map(({ reached }) => reached.length)),
      effects: evidence.effects.length,
      early: evidence.inbox.filter(({ outcome, reasons }) => outcome === 'applied' && reasons.includes('not-found'))
        .length,
      faults: this.#faults,
      violations: check(this.#histories, evidence),
      crashes,
    };
  }

  /** Processes that died leave their claims to others, which takes some seconds. */
  async #untilCaughtUp(): Promise<void> {
    const latest = performance.now() + 90_000;
    while (leftEarly(await this.#readEvidence()).length > 0 && performance.now() < latest) await sleep(1_000);
  }

  async #readEvidence(): Promise<Evidence> {
    const rows = await this.#query(`select 'payment' as kind, txnid as id, refno, status, reached
from dragonpay_transactions union all
select 'payout', merchant_txn_id, refno, status, reached from dragonpay_payouts`);
    const effects = await this.#query('select kind, id, status, previous, late from fault_effects');
    const inbox = await this.#query(
      'select kind, id, refno, status, outcome, reasons, deliveries, raw from dragonpay_callbacks',
    );
    return {
      rows,
      // Some databases have no booleans and no arrays.
      effects: effects.map((effect) => ({ ...effect, late: Boolean(effect.late) })),
      inbox: inbox.map((event) => {
        const reasons = this.#kind.isFile ? JSON.parse(String(event.reasons)) : event.reasons;
        return { ...event, reasons: [reasons].flat().join().split(',') };
      }),
    } as unknown as Evidence;
  }

  async end(): Promise<void> {
    this.#calm.abort();
    this.#gateway.close();
    await Promise.all(this.#applications.map((application) => application.kill()));
    await Promise.all(this.#applications.map(({ proxy }) => proxy.close()));
    await this.#merchant?.db.destroy();
    await this.#pooler?.stop();
    await this.#server?.stop();
    await deleteBundle();
  }

  /** Asks the database directly, not through a proxy. */
  #query(...statements: readonly string[]): Promise<Record<string, unknown>[]> {
    return this.#kind.query(this.#server?.url ?? '', ...statements);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
