import assert from 'node:assert/strict';
import { STATUS_CODES } from 'node:http';
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
import { encodeRequest, RawConnection, type RawReply, type RawRequest } from './raw-http.js';

/**
 * What stands in front of the endpoint:
 * - `plain`: nothing.
 * - `form-parser`: the framework's usual parser of forms ran, and left its result where it usually leaves it.
 * - `json-parser`: a parser ran that passed over the form, so that the stream is still to be read.
 * - `consumed`: something read the stream to its end and left nothing.
 * - `mounted`: a router that cuts `/dragonpay` off the URL.
 */
export type AdapterSetup = 'plain' | 'form-parser' | 'json-parser' | 'consumed' | 'mounted';

/** A server that {@link adapterConformance} asked for. */
export interface AdapterServer {
  /** Where the server listens, such as `http://127.0.0.1:41234`. */
  readonly url: string;
  /** Ends the server with all of its connections. */
  close(): unknown;
}

/** One case, and what must stand in front of the endpoint for it. */
export interface AdapterCase {
  readonly name: string;
  readonly setups: readonly AdapterSetup[];
  check(bench: AdapterHarness, setup: AdapterSetup): Promise<void>;
}

export const everywhere: readonly AdapterSetup[] = ['plain', 'form-parser', 'json-parser', 'consumed', 'mounted'];
/** Where the body can be had. */
export const readable: readonly AdapterSetup[] = ['plain', 'form-parser', 'json-parser', 'mounted'];
/** Where the body is still in the stream. */
export const unread: readonly AdapterSetup[] = ['plain', 'json-parser', 'mounted'];

export const path = '/dragonpay/callback';
const secretKey = 'conformance secret';

/** Tells what it saw, so that a test can compare it with what was sent. */
@DragonpayCallback()
export class Telling {
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

/** Leaves every answer to the defaults. */
@DragonpayCallback()
export class Silent {}

/** One server, and the short words that the cases are written in. */
export class AdapterHarness {
  readonly repository = new MemoryRepository();
  readonly #serve: (endpoint: CallbackEndpoint) => AdapterServer | Promise<AdapterServer>;
  #server: AdapterServer | undefined;
  #pending = 0;
  readonly #connections: RawConnection[] = [];

  constructor(serve: (endpoint: CallbackEndpoint) => AdapterServer | Promise<AdapterServer>) {
    this.#serve = serve;
  }

  /** Starts the server; the first word of every case. */
  async start(Handler: HandlerClass = Silent, settings: Partial<DragonpaySettings> = {}): Promise<void> {
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

  /** Resolves when the endpoint has answered all that it was asked, and rejects when it does not within two seconds. */
  async settled(): Promise<void> {
    for (let tries = 0; this.#pending > 0; tries++) {
      assert.ok(tries < 200, 'a request is still being answered: the adapter waits for a body that never comes');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async connect(): Promise<RawConnection> {
    const connection = await RawConnection.to(this.#server?.url ?? '');
    this.#connections.push(connection);
    return connection;
  }

  /** Sends one request on a connection of its own. */
  async send(request: Partial<RawRequest>): Promise<RawReply> {
    const connection = await this.connect();
    connection.send(encodeRequest({ target: path, ...request }));
    return connection.reply(request.method);
  }

  /** Makes a payment, and the form of a callback that says that it is paid. */
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

/** A form, filled up to a length in bytes with a field that is nobody's. */
export function filledTo(form: string, length: number): string {
  return `${form}&x=`.padEnd(length, 'x');
}

export const privacy = [
  'Cache-Control: no-store',
  'Referrer-Policy: no-referrer',
  'X-Content-Type-Options: nosniff',
] as const;
export const allow = 'Allow: GET, HEAD, POST, OPTIONS';

/** A status line with the words that Node has for the status. */
export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}`;
}

/** A reply that is one line of plain text. */
export function plainReply(status: number, body: string, ...extra: string[]): RawReply {
  const type = 'Content-Type: text/plain; charset=utf-8';
  return { status, head: [statusLine(status), type, ...privacy, ...extra, `Content-Length: ${body.length}`], body };
}

export const ok = plainReply(200, 'result=OK');
export const tooLarge = plainReply(413, 'error=body-too-large');
export const badRequest = (code: string) => plainReply(400, `error=${code}`);
