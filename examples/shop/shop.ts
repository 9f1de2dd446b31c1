import { readFileSync } from 'node:fs';
import { DragonpayError } from 'dragonpay-callback';
import { refusalOf } from './guard.js';
import { oneLine } from './log.js';
import type { OrderBook } from './order-book.js';
import { orderPage } from './order-page.js';
import type { PaymentGateway } from './payment-gateway.js';
import { messagePage, paymentPage } from './payment-page.js';
import { products } from './products.js';
import { type AboutShop, type RefusedForm, shopPage } from './shop-page.js';
import { failure, json, notAllowed, page, redirect, replyWith, type ShopReply } from './shop-reply.js';
import type { ShopRequest } from './shop-request.js';

const style = readFileSync(new URL('style.css', import.meta.url), 'utf8');
const script = readFileSync(new URL('live.js', import.meta.url), 'utf8');

type Route = (segment: string, request: ShopRequest) => ShopReply | Promise<ShopReply>;

/** The pages and the JSON of the shop, for any server. */
export class Shop {
  readonly #orders: OrderBook;
  readonly #gateway: PaymentGateway | undefined;
  readonly #about: AboutShop;
  readonly #hostname: string;
  /** The routes by path and method. `*` stands for one more segment. */
  readonly #routes: Readonly<Record<string, { GET?: Route; POST?: Route }>> = {
    '/': { GET: () => this.#list() },
    '/checkout': { POST: (_, request) => this.#checkOut(request) },
    '/payments/*': { GET: (txnid) => this.#showPayment(txnid) },
    '/orders/*': { GET: (txnid, request) => this.#showOrder(txnid, request), POST: (txnid) => this.#inquire(txnid) },
    '/transactions': { POST: (_, request) => this.#create(request) },
    '/transactions/*': { GET: (txnid) => this.#find(txnid) },
    '/style.css': { GET: () => replyWith('text/css', style) },
    '/live.js': { GET: () => replyWith('text/javascript', script) },
  };

  constructor(orders: OrderBook, gateway: PaymentGateway | undefined, about: Omit<AboutShop, 'gateway'>) {
    this.#orders = orders;
    this.#gateway = gateway;
    this.#about = { ...about, gateway: gateway?.origin };
    this.#hostname = new URL(about.url).hostname;
  }

  /** Answers a request. Never rejects. */
  async answer(request: ShopRequest): Promise<ShopReply> {
    try {
      const refusal = refusalOf(request.method, request.headers, this.#hostname);
      if (refusal !== undefined) return failure(403, 'forbidden', refusal);
      return await this.#route(request);
    } catch (error) {
      if (DragonpayError.is(error)) return failure(statusOf(error), error.code, error.message);
      console.error(`shop: ${request.method} ${request.path} failed: ${oneLine(error)}`);
      return failure(500, 'internal-error', 'the shop failed; see its log');
    }
  }

  #route(request: ShopRequest): ShopReply | Promise<ShopReply> {
    const [, folder = '', segment = ''] = /^(\/[^/]+\/)(.+)$/.exec(request.path) ?? [];
    const routes = this.#routes;
    const route = Object.hasOwn(routes, request.path) ? routes[request.path] : routes[`${folder}*`];
    if (route === undefined) return this.#message(404, 'This page does not exist', 'Please check the address.');
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const answer = method === 'GET' || method === 'POST' ? route[method] : undefined;
    if (answer === undefined)
      return notAllowed([route.GET && 'GET, HEAD', route.POST && 'POST'].filter(Boolean).join(', '));
    return answer(decode(segment), request);
  }

  async #list(refused?: RefusedForm): Promise<ShopReply> {
    const orders = await this.#orders.latest();
    return page(shopPage(this.#about, orders, refused), this.#about.gateway, refused?.status);
  }

  /** Stores the order and its payment first, because a callback may arrive before the answer of the gateway. */
  async #checkOut(request: ShopRequest): Promise<ShopReply> {
    const values = Object.fromEntries(new URLSearchParams(await request.text()));
    const { email = '' } = values;
    const refuse = (status: number, errors: RefusedForm['errors']) => this.#list({ status, errors, values });
    const product = products.find(({ id }) => id === values.product);
    const isEmail = /^[^\s@]+@[^\s@]+$/.test(email) && email.length <= 254;
    if (product === undefined || !isEmail) {
      return refuse(400, {
        ...(product === undefined && { product: 'Please choose a product.' }),
        ...(!isEmail && { email: 'Please enter an email address, such as juan@example.com.' }),
      });
    }
    if (this.#gateway === undefined) {
      return refuse(503, { form: 'This shop has no API key to request payments from Dragonpay.' });
    }
    try {
      const row = await this.#orders.create({ amount: product.price, description: product.name, email });
      const url = await this.#gateway.createPayment(row);
      await this.#orders.setPaymentUrl(row.txnid, url);
      return redirect(url);
    } catch (error) {
      if (DragonpayError.is(error)) return refuse(statusOf(error), { form: error.message });
      console.error(`shop: the payment could not be requested: ${oneLine(error)}`);
      return refuse(502, {
        form: 'Dragonpay did not accept the payment. You have not been charged. Please try again.',
      });
    }
  }

  async #showPayment(txnid: string): Promise<ShopReply> {
    const order = await this.#orders.find(txnid);
    if (order === undefined) return this.#message(404, 'We do not know this payment', 'Please contact us.');
    return page(paymentPage(order), this.#about.gateway);
  }

  async #showOrder(txnid: string, { query }: ShopRequest): Promise<ShopReply> {
    const order = await this.#orders.findDetails(txnid);
    if (order === undefined) return this.#message(404, 'We do not know this order', 'Please check the address.');
    return page(orderPage(order, this.#gateway !== undefined, query.get('asked')), this.#about.gateway);
  }

  async #inquire(txnid: string): Promise<ShopReply> {
    if (this.#gateway === undefined) return notAllowed('GET, HEAD');
    return redirect(`/orders/${encodeURIComponent(txnid)}?asked=${await this.#gateway.inquire(txnid)}`);
  }

  #message(status: number, headline: string, advice: string): ShopReply {
    return page(messagePage(headline, advice), this.#about.gateway, status);
  }

  async #create(request: ShopRequest): Promise<ShopReply> {
    const text = await request.text();
    if (text === undefined) return failure(413, 'body-too-large', 'the body is over 16 KiB');
    const details = parseObject(text);
    if (details === undefined) return failure(400, 'invalid-json', 'the body must be a JSON object');
    return json(await this.#orders.create(details), 201);
  }

  async #find(txnid: string): Promise<ShopReply> {
    const found = await this.#orders.findDetails(txnid);
    return found === undefined ? failure(404, 'not-found', 'there is no such order') : json(found);
  }
}

/** The shop only meets errors about the details of an order. */
function statusOf({ code }: DragonpayError): number {
  return code === 'already-exists' ? 409 : 400;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** A malformed segment stays as it is, and matches no order. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
