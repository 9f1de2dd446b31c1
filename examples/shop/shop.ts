import { readFileSync } from 'node:fs';
import { DragonpayError } from 'dragonpay-callback';
import { oneLine } from './log.js';
import type { OrderBook } from './order-book.js';
import { messagePage, orderPage } from './order-page.js';
import type { PaymentGateway } from './payment-gateway.js';
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
  /** What a path is answered with, by method. `*` is one segment more. */
  readonly #routes: Readonly<Record<string, { GET?: Route; POST?: Route }>> = {
    '/': { GET: () => this.#list() },
    '/checkout': { POST: (_, request) => this.#checkOut(request) },
    '/orders/*': { GET: (txnid) => this.#show(txnid), POST: (txnid) => this.#inquire(txnid) },
    '/transactions': { POST: (_, request) => this.#create(request) },
    '/transactions/*': { GET: (txnid) => this.#find(txnid) },
    '/style.css': { GET: () => replyWith('text/css', style) },
    '/live.js': { GET: () => replyWith('text/javascript', script) },
  };

  constructor(orders: OrderBook, gateway: PaymentGateway | undefined, about: Omit<AboutShop, 'gateway'>) {
    this.#orders = orders;
    this.#gateway = gateway;
    this.#about = { ...about, gateway: gateway?.origin };
  }

  /** Never rejects. */
  async answer(request: ShopRequest): Promise<ShopReply> {
    try {
      return await this.#route(request);
    } catch (error) {
      if (DragonpayError.is(error)) return failure(statusOf(error), error.code, error.message);
      console.error(`shop: ${request.method} ${request.path} failed: ${oneLine(error)}`);
      return failure(500, 'internal-error', 'the shop could not answer: see its log');
    }
  }

  #route(request: ShopRequest): ShopReply | Promise<ShopReply> {
    const [, folder = '', segment = ''] = /^(\/[^/]+\/)(.+)$/.exec(request.path) ?? [];
    const routes = this.#routes;
    const route = Object.hasOwn(routes, request.path) ? routes[request.path] : routes[`${folder}*`];
    if (route === undefined) return this.#message(404, 'There is nothing here', 'The address may be misspelt.');
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

  /** The order and its payment are stored first: a callback may come before the answer to the request for it. */
  async #checkOut(request: ShopRequest): Promise<ShopReply> {
    const values = Object.fromEntries(new URLSearchParams(await request.text()));
    const product = products.find(({ id }) => id === values.product);
    const { email } = values;
    if (product === undefined || !email) {
      return this.#list({ status: 400, message: 'Please choose something, and say where the receipt goes.', values });
    }
    if (this.#gateway === undefined) {
      return this.#list({ status: 503, message: 'This shop has no key to ask Dragonpay for payments with.', values });
    }
    try {
      const row = await this.#orders.take({ amount: product.price, description: product.name, email });
      return redirect(await this.#gateway.createPayment(row));
    } catch (error) {
      if (DragonpayError.is(error)) return this.#list({ status: statusOf(error), message: error.message, values });
      console.error(`shop: no payment could be made: ${oneLine(error)}`);
      const message = 'Dragonpay did not take this up. You have not been charged: please try again.';
      return this.#list({ status: 502, message, values });
    }
  }

  async #show(txnid: string): Promise<ShopReply> {
    const order = await this.#orders.find(txnid);
    if (order === undefined) return this.#message(404, 'We do not know this order', 'The address may be misspelt.');
    return page(orderPage(order, this.#gateway !== undefined), this.#about.gateway);
  }

  async #inquire(txnid: string): Promise<ShopReply> {
    await this.#gateway?.inquire(txnid);
    return redirect(`/orders/${encodeURIComponent(txnid)}`);
  }

  #message(status: number, headline: string, advice: string): ShopReply {
    return page(messagePage(headline, advice), this.#about.gateway, status);
  }

  async #create(request: ShopRequest): Promise<ShopReply> {
    const text = await request.text();
    if (text === undefined) return failure(413, 'body-too-large', 'the body is too large');
    const details = parseObject(text);
    if (details === undefined) return failure(400, 'invalid-json', 'the body is no JSON object');
    return json(await this.#orders.take(details), 201);
  }

  async #find(txnid: string): Promise<ShopReply> {
    const found = await this.#orders.find(txnid);
    return found === undefined ? failure(404, 'not-found', 'there is no such transaction') : json(found);
  }
}

/** The errors that the shop meets are about the details of an order. */
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

/** What is no segment of a path is a name of nothing. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
