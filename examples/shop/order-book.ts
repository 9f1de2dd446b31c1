import { DragonpayError, generateTxnId, type InboxEvent, type PaymentRow } from 'dragonpay-callback';
import type { KyselyRepository } from 'dragonpay-callback/kysely';
import type { Kysely } from 'kysely';
import type { Database } from './database.js';

/** A line of the shop's list. */
export interface OrderLine {
  readonly txnid: string;
  readonly description: string | null;
  readonly amount: string;
  readonly currency: string;
  readonly status: string;
  readonly refno: string | null;
  readonly paidAt: Date | null;
}

/** A payment with its order, and the callbacks that came for it. */
export interface OrderDetails extends PaymentRow {
  readonly paidAt: Date | null;
  readonly callbacks: readonly InboxEvent[];
}

/** The orders of the shop: each has a payment. */
export class OrderBook {
  readonly #db: Kysely<Database>;
  readonly #repository: KyselyRepository<Database>;

  constructor(db: Kysely<Database>, repository: KyselyRepository<Database>) {
    this.#db = db;
    this.#repository = repository;
  }

  /**
   * Takes an order: it and its payment are stored together.
   * @throws DragonpayError `invalid-details`, `already-exists`
   */
  async take(input: Readonly<Record<string, unknown>>): Promise<PaymentRow> {
    // What is not listed here, a status say, is not the customer's to choose.
    const details = {
      txnid: optional(input, 'txnid') ?? generateTxnId({ length: 16 }),
      amount: required(input, 'amount'),
      currency: optional(input, 'currency') ?? 'PHP',
      description: required(input, 'description'),
      email: required(input, 'email'),
    };
    return this.#db.transaction().execute(async (trx) => {
      const row = await this.#repository.createPayment(details, { trx });
      await trx.insertInto('orders').values({ txnid: row.txnid, paid_at: null }).execute();
      return row;
    });
  }

  /** The newest orders first. */
  latest(limit = 100): Promise<OrderLine[]> {
    return this.#db
      .selectFrom('dragonpay_transactions as payment')
      .leftJoin('orders', 'orders.txnid', 'payment.txnid')
      .select(['payment.txnid', 'description', 'amount', 'currency', 'status', 'refno', 'paid_at as paidAt'])
      .orderBy('created_at', 'desc')
      .orderBy('payment.txnid')
      .limit(limit)
      .execute();
  }

  /** @param txnid any text: what cannot be an id is the id of nothing */
  async find(txnid: string): Promise<OrderDetails | undefined> {
    if (!/^[ -~]{1,40}$/.test(txnid)) return undefined;
    const row = await this.#repository.findPayment(txnid);
    if (row === undefined) return undefined;
    const orders = this.#db.selectFrom('orders').select('paid_at').where('txnid', '=', txnid);
    const [order, callbacks] = await Promise.all([
      orders.executeTakeFirst(),
      this.#repository.callbacks({ txnid, limit: 1000 }),
    ]);
    return { ...row, paidAt: order?.paid_at ?? null, callbacks };
  }
}

/** Whether a value is text of the right shape and length is the repository's to say; here: whether there is one. */
function required(input: Readonly<Record<string, unknown>>, name: string): string {
  const value = optional(input, name);
  if (value !== undefined) return value;
  throw new DragonpayError('invalid-details', `${name} is missing`, { subject: name });
}

function optional(input: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = Object.hasOwn(input, name) ? input[name] : undefined;
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw new DragonpayError('invalid-details', `${name} is no text`, { subject: name });
}
