import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import {
  type Dragonpay,
  DragonpayCallback,
  type DragonpaySettings,
  OnPost,
  OnStatus,
  type Status,
} from '../../src/index.js';
import { type DragonpayTables, KyselyRepository, type StoredCallback, withNamedStatements } from '../../src/kysely.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { dispatchSigned, paymentFields, testDragonpay } from './dispatch-signed.js';
import { createPayments, createSlowShopTables } from './slow-shops.js';

export interface ShopDatabase extends DragonpayTables {
  shop_effects: { txnid: string; handler: string };
}

/** The work of an `@OnStatus` method. */
export type Work = (callback: StoredCallback<Status, ShopDatabase>) => unknown;

/** The work that the method is expected to do. */
export const effect: Work = ({ trx, data: { txnid }, status }) =>
  trx.insertInto('shop_effects').values({ txnid, handler: status }).execute();

export interface ReceiverOptions extends Partial<DragonpaySettings> {
  /** Connections of the pool. Default: 4. */
  readonly connections?: number;
  /** `false` leaves `withNamedStatements` out. */
  readonly isNamed?: boolean;
}

/** A receiver with its own pool. Its `@OnStatus` method does the work that a test has set. */
export class Receiver {
  work: Work = effect;
  readonly pool: pg.Pool;
  readonly repository: KyselyRepository<ShopDatabase>;
  readonly dragonpay: Dragonpay;
  readonly endpoint: ReturnType<Dragonpay['endpoint']>;

  constructor(url: string, { connections = 4, isNamed = true, ...settings }: ReceiverOptions = {}) {
    this.pool = new pg.Pool({ connectionString: url, max: connections });
    this.pool.on('error', () => {});
    // Listens like withNamedStatements: a client whose connection dies while it is in use has no other listener.
    if (!isNamed) this.pool.on('connect', (client) => void client.on('error', () => {}));
    const pool = isNamed ? withNamedStatements(this.pool) : this.pool;
    this.repository = new KyselyRepository(new Kysely({ dialect: new PostgresDialect({ pool }) }));
    this.dragonpay = testDragonpay({ repository: this.repository, ...settings });
    const work: Work = (callback) => this.work(callback);
    @DragonpayCallback()
    class Shop {
      @OnStatus('S', 'F', 'V', 'E', 'R', 'P')
      move(callback: StoredCallback<'S' | 'F' | 'V' | 'E' | 'R' | 'P', ShopDatabase>) {
        return work(callback as StoredCallback<Status, ShopDatabase>) as Promise<void>;
      }

      @OnPost()
      answer(callback: { valid: boolean; update: { outcome: string } }) {
        return callback.valid ? callback.update.outcome : undefined;
      }
    }
    this.endpoint = this.dragonpay.endpoint(Shop);
  }

  /** Delivers a signed callback. The status and the body of the answer. */
  async told(txnid: string, status = 'S', fields: Record<string, string> = {}): Promise<string> {
    const reply = await dispatchSigned(this.endpoint, paymentFields({ txnid, status, ...fields }));
    return `${reply.status} ${reply.body}`;
  }
}

/** Receivers on one database, with payments for them. */
export class Receivers {
  /** Set while the tests of the suite run. */
  database!: TestDatabase;
  readonly #made: Receiver[] = [];
  #payments = 0;

  /** For the suite that is being described: its database lives as long as the suite, its pools as long as a test. */
  static forSuite(suite: Mocha.Suite): Receivers {
    const receivers = new Receivers();
    suite.timeout(30_000);
    suite.slow(5_000);
    before(async () => {
      receivers.database = await createTestDatabase();
      await createSlowShopTables(receivers.database);
    });
    afterEach(() => receivers.#endPools());
    after(() => receivers.database?.destroy());
    return receivers;
  }

  make(options: ReceiverOptions = {}, url = this.database.url): Receiver {
    const made = new Receiver(url, options);
    this.#made.push(made);
    return made;
  }

  async newPayment(): Promise<string> {
    const txnid = `T-${++this.#payments}`;
    await createPayments(this.database, [txnid]);
    return txnid;
  }

  /** The status of a payment, and how many effects were written for it. */
  async storedOf(txnid: string): Promise<string> {
    const { rows } = await this.database.pool.query(
      `select status, (select count(*) from shop_effects e where e.txnid = t.txnid) as effects
from dragonpay_transactions t where txnid = $1`,
      [txnid],
    );
    return `${rows[0].status}, ${rows[0].effects} effects`;
  }

  async #endPools(): Promise<void> {
    await Promise.all(this.#made.splice(0).map(({ pool }) => pool.end()));
  }
}
