import { readFileSync } from 'node:fs';
import { DragonpayError } from 'dragonpay-callback';
import { type AboutShop, listPage, type RefusedForm } from './list-page.js';
import { oneLine } from './log.js';
import type { OrderBook } from './order-book.js';
import { failure, json, notAllowed, notFound, replyWith, type ShopReply } from './shop-reply.js';
import type { ShopRequest } from './shop-request.js';

const style = readFileSync(new URL('style.css', import.meta.url), 'utf8');

/** The pages and the JSON of the shop, for any server. */
export class Shop {
  readonly #orders: OrderBook;
  readonly #about: AboutShop;

  constructor(orders: OrderBook, about: AboutShop) {
    this.#orders = orders;
    this.#about = about;
  }

  /** Never rejects. */
  async answer(request: ShopRequest): Promise<ShopReply> {
    try {
      return await this.#route(request);
    } catch (error) {
      if (DragonpayError.is(error)) return failure(error.status, error.code, error.message);
      console.error(`shop: ${request.method} ${request.path} failed: ${oneLine(error)}`);
      return failure(500, 'internal-error', 'the shop could not answer: see its log');
    }
  }

  async #route(request: ShopRequest): Promise<ShopReply> {
    const { method, path } = request;
    if (path === '/transactions') return method === 'POST' ? this.#create(request) : notAllowed('POST');
    const isTransaction = /^\/transactions\/./.test(path);
    if (!isTransaction && path !== '/' && path !== '/style.css') return notFound();
    if (method !== 'GET' && method !== 'HEAD') return notAllowed('GET, HEAD');
    if (isTransaction) return this.#show(path.slice('/transactions/'.length));
    return path === '/' ? this.#list() : replyWith('text/css', style);
  }

  async #create(request: ShopRequest): Promise<ShopReply> {
    const text = await request.text();
    if (text === undefined) return failure(413, 'body-too-large', 'the body is too large');
    // `curl -d` calls everything a form, JSON too.
    const isForm = request.contentType.startsWith('application/x-www-form-urlencoded') && !/^\s*\{/.test(text);
    if (isForm) return this.#createFromForm(Object.fromEntries(new URLSearchParams(text)));
    const details = parseObject(text);
    if (details === undefined) return failure(400, 'invalid-json', 'the body is no JSON object');
    return json(await this.#orders.take(details), 201);
  }

  async #createFromForm(values: Readonly<Record<string, string>>): Promise<ShopReply> {
    try {
      await this.#orders.take(values);
    } catch (error) {
      if (!DragonpayError.is(error)) throw error;
      return this.#list({ status: error.status, message: error.message, values });
    }
    return replyWith('text/plain', '', 303, { Location: '/' });
  }

  async #show(segment: string): Promise<ShopReply> {
    const txnid = decode(segment);
    const found = txnid === undefined ? undefined : await this.#orders.find(txnid);
    return found === undefined ? notFound() : json(found);
  }

  async #list(refused?: RefusedForm): Promise<ShopReply> {
    return replyWith('text/html', listPage(this.#about, await this.#orders.latest(), refused), refused?.status);
  }
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

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
