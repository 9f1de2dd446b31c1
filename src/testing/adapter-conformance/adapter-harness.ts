import assert from 'node:assert/strict';
import { createDragonpay } from '../../create-dragonpay.js';
import { DragonpayCallback } from '../../decorators/dragonpay-callback.js';
import type { HandlerClass } from '../../decorators/handler-metadata.js';
import { OnGet } from '../../decorators/on-get.js';
import { OnPost } from '../../decorators/on-post.js';
import type { Callback } from '../../model/callback.js';
import type { CallbackEndpoint } from '../../model/callback-request.js';
import { generateTxnId } from '../../protocol/generate-txn-id.js';
import { type CallbackFields, encodeCallback, signCallback } from '../../protocol/sign-callback.js';
import { MemoryRepository } from '../../repository/memory-repository.js';
import { reply } from '../../response/reply.js';
import type { DragonpaySettings } from '../../settings/settings.js';
import { encodeRequest, type HostLimit, RawConnection, type RawReply, type RawRequest } from './raw-http.js';

/**
 * The middleware in front of the endpoint:
 * - `plain`: none.
 * - `form-parser`: the framework's usual form parser, which leaves its result in the usual place.
 * - `json-parser`: a parser that ignores forms, so that the stream is still unread.
 * - `consumed`: middleware that reads the stream to its end and keeps nothing.
 * - `mounted`: a router that removes `/dragonpay` from the URL.
 */
export type AdapterSetup = 'plain' | 'form-parser' | 'json-parser' | 'consumed' | 'mounted';

/** A server under test. */
export interface AdapterServer {
  /** The address of the server, such as `http://127.0.0.1:41234`. */
  readonly url: string;
  /** The ways in which the host differs, as no adapter can change them. Default: none. */
  readonly limits?: readonly HostLimit[];
  /** Closes the server and all of its connections. */
  close(): unknown;
}

/** One case, and the setups that it runs in. */
export interface AdapterCase {
  readonly name: string;
  readonly setups: readonly AdapterSetup[];
  check(bench: AdapterHarness, setup: AdapterSetup): Promise<void>;
}

export const everywhere: readonly AdapterSetup[] = ['plain', 'form-parser', 'json-parser', 'consumed', 'mounted'];
/** The setups in which the body is available. */
export const readable: readonly AdapterSetup[] = ['plain', 'form-parser', 'json-parser', 'mounted'];
/** The setups in which the body is still in the stream. */
export const unread: readonly AdapterSetup[] = ['plain', 'json-parser', 'mounted'];

export const path = '/dragonpay/callback';
const secretKey = 'conformance secret';

/** A handler that replies with the callback, so that a case can compare it with the request. */
@DragonpayCallback()
export class EchoHandler {
  @OnGet()
  get(callback: Callback) {
    return this.post(callback);
  }

  @OnPost()
  post(callback: Callback) {
    if (callback.request === undefined) throw new Error('a callback came without its request');
    const { target, remoteAddress, native } = callback.request;
    const seen = { target, remoteAddress, native: typeof native };
    if (callback.valid) return reply.json({ ...seen, data: callback.data, outcome: callback.update.outcome });
    return reply.json({ ...seen, issues: callback.issues.map(({ code }) => code) }, { status: 400 });
  }
}

/** A handler without methods: every reply is the default. */
@DragonpayCallback()
export class DefaultHandler {}

/** One server, and helpers for the cases. */
export class AdapterHarness {
  readonly repository = new MemoryRepository();
  readonly #serve: (endpoint: CallbackEndpoint) => AdapterServer | Promise<AdapterServer>;
  #server: AdapterServer | undefined;
  #pending = 0;
  readonly #connections: RawConnection[] = [];

  constructor(serve: (endpoint: CallbackEndpoint) => AdapterServer | Promise<AdapterServer>) {
    this.#serve = serve;
  }

  /** Starts the server. Every case begins with it. */
  async start(Handler: HandlerClass = DefaultHandler, settings: Partial<DragonpaySettings> = {}): Promise<void> {
    const dragonpay = createDragonpay({
      merchantId: 'CONFORMANCE',
      environment: 'test',
      verification: { sha1: { secretKeys: [secretKey] } },
      repository: this.repository,
      hooks: { rejected: () => {}, handlerFailed: () => {} },
      ...settings,
    });
    const endpoint = dragonpay.endpoint(Handler);
    this.#server = await this.#serve({
      dispatch: (request) => {
        this.#pending++;
        return endpoint.dispatch(request).finally(() => this.#pending--);
      },
    });
  }

  /** Resolves when the endpoint has answered every request. Rejects if it does not within two seconds. */
  async settled(): Promise<void> {
    for (let tries = 0; this.#pending > 0; tries++) {
      assert.ok(tries < 200, 'a request has no reply yet: the adapter waits for a body that never arrives');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Whether the host differs in this way. */
  isLimited(limit: HostLimit): boolean {
    return this.#server?.limits?.includes(limit) ?? false;
  }

  async connect(): Promise<RawConnection> {
    const connection = await RawConnection.to(this.#server?.url ?? '', this.#server?.limits);
    this.#connections.push(connection);
    return connection;
  }

  /** Sends one request on a new connection. */
  async send(request: Partial<RawRequest>): Promise<RawReply> {
    const connection = await this.connect();
    connection.send(encodeRequest({ target: path, ...request }));
    return connection.reply(request.method);
  }

  /** Makes a payment and the form of a callback with status S. */
  async paid(fields: CallbackFields = {}): Promise<{ txnid: string; form: string }> {
    const { txnid } = await this.repository.createPayment({ txnid: generateTxnId(), amount: '100.00' });
    return { txnid, form: formOf({ txnid, ...fields }) };
  }

  async status(txnid: string): Promise<string | undefined> {
    return (await this.repository.findPayment(txnid))?.status;
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await this.#server?.close();
  }
}

function formOf(fields: CallbackFields): string {
  return encodeCallback(
    signCallback({ refno: 'CNFRM001', status: 'S', message: '[000] Paid', ...fields }, { sha1: { secretKey } }),
  );
}

/** Pads a form to a length in bytes with a field that is not of the protocol. */
export function filledTo(form: string, length: number): string {
  return `${form}&x=`.padEnd(length, 'x');
}

export const privacy = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;
export const allow = { allow: 'GET, HEAD, POST, OPTIONS' };

/** The headers of a reply with a body. */
export function headersOf(type: string, body: string): RawReply['headers'] {
  return { 'content-type': type, ...privacy, 'content-length': `${Buffer.byteLength(body)}` };
}

/** A reply with one line of plain text. */
export function plainReply(status: number, body: string, extra?: RawReply['headers']): RawReply {
  return { status, headers: { ...headersOf('text/plain; charset=utf-8', body), ...extra }, body };
}

export const ok = plainReply(200, 'result=OK');
export const tooLarge = plainReply(413, 'error=body-too-large');
export const badRequest = (code: string) => plainReply(400, `error=${code}`);
