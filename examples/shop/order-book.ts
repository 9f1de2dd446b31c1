import { DragonpayError, generateTxnId, type InboxEvent, type PaymentRow } from 'dragonpay-callback';
import type { KyselyRepository } from 'dragonpay-callback/kysely';
import type { Kysely } from 'kysely';
import type { Database } from './database.js';

/** A line in the list of orders. */
export interface OrderLine {
  readonly txnid: string;
  readonly description: string | null;
  readonly amount: string;
  readonly currency: string;
  readonly status: string;
  readonly refno: string | null;
  readonly paidAt: Date | null;
  /** Whether the payer cancelled the payment. */
  readonly cancelled: boolean;
}

/** An order with its payment. */
export interface Order extends PaymentRow {
  readonly paidAt: Date | null;
  readonly cancelled: boolean;
  /** The `procid` of a pending payment, as a hint. */
  readonly channel: string | null;
  /** The URL at which the payer can still pay. */
  readonly paymentUrl: string | null;
  /** Until then, the shop keeps an unpaid order. */
  readonly payBy: Date;
}

/** An order with the callbacks about its payment. */
export interface OrderDetails extends Order {
  readonly callbacks: readonly InboxEvent[];
}

const daysToPay = 3;

/** The orders of the shop. Each has one payment. */
export class OrderBook {
  readonly #db: Kysely<Database>;
  readonly #repository: KyselyRepository<Database>;

  constructor(db: Kysely<Database>, repository: KyselyRepository<Database>) {
    this.#db = db;
    this.#repository = repository;
  }

  /**
   * Stores an order and its payment in one transaction.
   * @throws DragonpayError `invalid-details`, `already-exists`
   */
  async create(input: Readonly<Record<string, unknown>>): Promise<PaymentRow> {
    // Other properties of the input, such as a status, are ignored: the customer must not choose them.
    const details = {
      txnid: optional(input, 'txnid') ?? generateTxnId({ length: 16 }),
      amount: required(input, 'amount'),
      currency: optional(input, 'currency') ?? 'PHP',
      description: required(input, 'description'),
      email: required(input, 'email'),
    };
    return this.#db.transaction().execute(async (trx) => {
      const row = await this.#repository.createPayment(details, { trx });
      await trx.insertInto('orders').values({ txnid: row.txnid }).execute();
      return row;
    });
  }

  /** Stores where an order can be paid. */
  async setPaymentUrl(txnid: string, url: string): Promise<void> {
    await this.#db.updateTable('orders').set({ payment_url: url }).where('txnid', '=', txnid).execute();
  }

  /** The latest orders, newest first. */
  async latest(limit = 100): Promise<OrderLine[]> {
    const lines = await this.#db
      .selectFrom('dragonpay_transactions as payment')
      .leftJoin('orders', 'orders.txnid', 'payment.txnid')
      .select(['payment.txnid', 'description', 'amount', 'currency', 'status', 'refno', 'paid_at as paidAt'])
      .select(({ fn, val }) => fn.coalesce('cancelled', val(false)).as('cancelled'))
      .orderBy('created_at', 'desc')
      .orderBy('payment.txnid')
      .limit(limit)
      .execute();
    return lines.map((line) => ({ ...line, paidAt: toDate(line.paidAt), cancelled: Boolean(line.cancelled) }));
  }

  /** Finds an order. @param txnid any text. If it cannot be a txnid, no order is found */
  async find(txnid: string): Promise<Order | undefined> {
    if (!/^[ -~]{1,40}$/.test(txnid)) return undefined;
    const [row, order] = await Promise.all([
      this.#repository.findPayment(txnid),
      this.#db.selectFrom('orders').selectAll().where('txnid', '=', txnid).executeTakeFirst(),
    ]);
    if (row === undefined) return undefined;
    return {
      ...row,
      paidAt: toDate(order?.paid_at),
      cancelled: Boolean(order?.cancelled),
      channel: order?.channel ?? null,
      paymentUrl: order?.payment_url ?? null,
      payBy: new Date(row.createdAt.getTime() + daysToPay * 86_400_000),
    };
  }

  /** Finds an order with the callbacks about it. */
  async findDetails(txnid: string): Promise<OrderDetails | undefined> {
    const order = await this.find(txnid);
    return order && { ...order, callbacks: await this.#repository.callbacks({ txnid, limit: 1000 }) };
  }
}

/** Reads a moment from the database. In SQLite it is a text in UTC, without a time zone. */
function toDate(moment: Date | string | null | undefined): Date | null {
  return typeof moment === 'string' ? new Date(`${moment}Z`) : (moment ?? null);
}

/** Only checks that there is a text. The repository checks its shape and length. */
function required(input: Readonly<Record<string, unknown>>, name: string): string {
  const value = optional(input, name);
  if (value !== undefined) return value;
  throw new DragonpayError('invalid-details', `${name} is missing`, { subject: name });
}

function optional(input: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = Object.hasOwn(input, name) ? input[name] : undefined;
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw new DragonpayError('invalid-details', `${name} must be a string`, { subject: name });
}
