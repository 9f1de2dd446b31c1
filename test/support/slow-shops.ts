import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { fileURLToPath } from 'node:url';
import { KyselyRepository } from '../../src/kysely.js';
import { encodeCallback, signCallback } from '../../src/protocol/sign-callback.js';
import type { TestDatabase } from './database.js';
import { type FormAnswer, sendForm } from './send-form.js';

const file = fileURLToPath(new URL('slow-shop.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

export interface SlowShopOptions {
  readonly handlerClass?: 'Courier' | 'Ledger';
  /** Connections of its pool. Default: 10. */
  readonly pool?: number;
  /** The longest wait of a duplicate, in milliseconds. */
  readonly busy?: number;
}

/** The report of a shop that has closed. */
export interface ClosingReport {
  readonly received: number;
  readonly answered: number;
  readonly isDrained: boolean;
}

/** Creates the tables that the shops' handlers write to. */
export async function createSlowShopTables({ pool }: TestDatabase): Promise<void> {
  await pool.query('create table shop_effects (txnid text not null, handler text not null)');
  await pool.query('create table shop_tries (txnid text primary key)');
}

/** Creates payments of 100.00. */
export async function createPayments({ db }: TestDatabase, txnids: readonly string[]): Promise<void> {
  const repository = new KyselyRepository(db);
  await Promise.all(txnids.map((txnid) => repository.createPayment({ txnid, amount: '100.00' })));
}

/** A signed callback with status S. */
export function paid(txnid: string): string {
  const fields = { txnid, refno: `R-${txnid}`, status: 'S', message: 'Paid', amount: '100.00' };
  return encodeCallback(signCallback(fields, { hmac: { key: 'secret of the slow shop' } }, { merchantId: 'SHOP' }));
}

/** An application process whose handler takes a second for some payments. */
export class SlowShop {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(databaseUrl: string, options: SlowShopOptions = {}): Promise<SlowShop> {
    const { handlerClass = 'Courier', pool = 10, busy } = options;
    const child = fork(file, [], {
      ...{ cwd: root, execArgv: ['--import', 'tsx'] },
      env: {
        ...{ ...process.env, DATABASE_URL: databaseUrl, SHOP_CLASS: handlerClass, SHOP_POOL: String(pool) },
        ...(busy !== undefined && { SHOP_BUSY: String(busy) }),
      },
    });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new SlowShop(child, port);
  }

  /** The connections in use, and the callbacks that wait for a connection. */
  async poolState(): Promise<{ readonly inUse: number; readonly waiting: number }> {
    const answered = once(this.#child, 'message') as Promise<[{ pool: { inUse: number; waiting: number } }]>;
    this.#child.send('pool');
    const [{ pool }] = await answered;
    return pool;
  }

  /** Sends a callback and measures the time to the answer. */
  async send(form: string): Promise<FormAnswer & { readonly milliseconds: number }> {
    const startedAt = performance.now();
    const answer = await sendForm(this.port, form, { agent: this.#agent });
    return { ...answer, milliseconds: performance.now() - startedAt };
  }

  /** Sends SIGTERM. The shop closes and reports how many requests it received and answered. */
  async stop(): Promise<ClosingReport> {
    this.#agent.destroy();
    const [reported, ended] = [once(this.#child, 'message'), once(this.#child, 'exit')];
    this.#child.kill('SIGTERM');
    const [[report]] = await Promise.all([reported, ended]);
    return report as ClosingReport;
  }
}
