import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { toFetchHandler } from '../../adapters/http/fetch.js';
import {
  type Callback,
  type CallbackReply,
  DragonpayCallback,
  type DragonpaySettings,
  OnDispatch,
  OnPost,
} from '../../src/index.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { paymentFields, secretKey, testEndpoint } from '../support/dispatch-signed.js';

const url = 'https://shop.example/dragonpay/callback';
const form = encodeCallback(signCallback(paymentFields(), { sha1: { secretKey } }));
const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };

/** The replies that a test sets, instead of the endpoint's own. */
let answer: CallbackReply | undefined;
/** Takes the signal of the request out of a handler method. */
let signal: AbortSignal | undefined;
let asksForSignal = false;

@DragonpayCallback()
class Asked {
  @OnPost()
  post(callback: Callback) {
    if (asksForSignal) signal = callback.request?.signal;
  }

  @OnDispatch()
  async around(_request: unknown, next: () => Promise<CallbackReply>) {
    const own = await next();
    return answer ?? own;
  }
}

function handlerOf(settings: Partial<DragonpaySettings> = {}) {
  const told: string[] = [];
  const hooks = {
    rejected: ({ message }: { message: string }) => told.push(message),
    handlerFailed: () => {},
    replyFailed: ({ error }: { error: unknown }) => told.push(String(error)),
  };
  return { told, endpoint: testEndpoint(Asked, { hooks, ...settings }) };
}

const post = (body: string | ReadableStream) => new Request(url, { method: 'POST', headers, body, duplex: 'half' });

async function textOf(response: Response): Promise<string> {
  return `${response.status} ${await response.text()}`;
}

/** A body that sends some bytes and then calls `end`. */
function streamOf(text: string, end: (controller: ReadableStreamDefaultController) => void) {
  let isCancelled = false;
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      end(controller);
    },
    cancel() {
      isCancelled = true;
    },
  });
  return { stream, isCancelled: () => isCancelled };
}

describe('The Fetch adapter', () => {
  beforeEach(() => {
    answer = undefined;
    asksForSignal = false;
    signal = undefined;
  });

  it('names request.clone() when the body was read before', async () => {
    const { told, endpoint } = handlerOf();
    const request = post(form);
    await request.text();
    expect(await textOf(await toFetchHandler(endpoint)(request))).to.equal('500 error=body-consumed');
    expect(told.join()).to.include('request.clone()');
  });

  it('reads a request of which a clone was read', async () => {
    const request = post(form);
    await request.clone().text();
    expect(await textOf(await toFetchHandler(handlerOf().endpoint)(request))).to.equal('200 result=OK');
  });

  it('answers 500, and not 400, when code in front made something else than bytes of the body', async () => {
    for (const chunk of [form, new TextEncoder().encode(form).buffer, null, 5]) {
      const { told, endpoint } = handlerOf();
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(chunk);
          controller.close();
        },
      });
      expect(await textOf(await toFetchHandler(endpoint)(post(body)))).to.equal('500 error=body-consumed');
      expect(told[0]).to.include('mount the handler before it');
    }
  });

  it('answers at once when another reader holds the body', async () => {
    const request = post(form);
    request.body?.getReader();
    expect(await textOf(await toFetchHandler(handlerOf().endpoint)(request))).to.equal('500 error=body-consumed');
  });

  it('reads a query whose characters the host did not escape, as Deno does', async () => {
    const form = encodeCallback(signCallback(paymentFields({ message: 'Niño' }), { sha1: { secretKey } }));
    const given = new Request(`${url}?${form}`);
    Object.defineProperty(given, 'url', { value: `${url}?${form.replace('%c3%b1', 'ñ')}` });
    expect(await textOf(await toFetchHandler(handlerOf().endpoint)(given))).to.equal('200 result=OK');
  });

  it('stops reading a body that does not end', async () => {
    const { endpoint } = handlerOf({ limits: { bodyMilliseconds: 20 } });
    const { stream, isCancelled } = streamOf(form, () => {});
    expect(await textOf(await toFetchHandler(endpoint)(post(stream)))).to.equal('408 error=body-timeout');
    await sleep(1);
    expect(isCancelled()).to.equal(true);
  });

  it('answers although a body cannot be stopped', async () => {
    const fail = () => {
      throw new Error('not supported');
    };
    const { endpoint } = handlerOf({ limits: { bodyMilliseconds: 20 } });
    for (const cancel of [fail, () => Promise.reject(new Error('gone')), () => undefined]) {
      const body = { locked: false, getReader: () => ({ read: () => new Promise(() => {}), cancel }) };
      const given = { method: 'POST', url, headers: new Headers(headers), bodyUsed: false, body };
      expect(await textOf(await toFetchHandler(endpoint)(given as never))).to.equal('408 error=body-timeout');
    }
  });

  it('stops reading a body that is too long', async () => {
    const { stream, isCancelled } = streamOf('x'.repeat(20_000), () => {});
    expect(await textOf(await toFetchHandler(handlerOf().endpoint)(post(stream)))).to.equal('413 error=body-too-large');
    await sleep(1);
    expect(isCancelled()).to.equal(true);
  });

  it('closes the connection after a body that it read in part, and only then', async () => {
    const handle = toFetchHandler(handlerOf({ limits: { bodyBytes: form.length } }).endpoint);
    const whole = await handle(post(form));
    expect([whole.status, whole.headers.get('connection')]).to.deep.equal([200, null]);
    const part = await handle(post(`${form}&`));
    expect([part.status, part.headers.get('connection')]).to.deep.equal([413, 'close']);
  });

  it('reads a body that is as long as the limit, whether its length is declared or not', async () => {
    const handle = toFetchHandler(handlerOf({ limits: { bodyBytes: form.length } }).endpoint);
    for (const length of [{}, { 'Content-Length': String(form.length) }]) {
      const response = await handle(
        new Request(url, { method: 'POST', headers: { ...headers, ...length }, body: form }),
      );
      expect(await textOf(response)).to.equal('200 result=OK');
    }
  });

  it('refuses a body that breaks off', async () => {
    const { stream } = streamOf(form, (controller) => controller.error(new Error('connection lost')));
    expect(await textOf(await toFetchHandler(handlerOf().endpoint)(post(stream)))).to.equal('400 error=body-aborted');
  });

  it('passes the signal of the request only to a handler that asks for it', async () => {
    const leaving = new AbortController();
    let touched = 0;
    const request = () =>
      Object.defineProperty(post(form), 'signal', {
        get() {
          touched++;
          return leaving.signal;
        },
      });
    const handler = toFetchHandler(handlerOf().endpoint);
    await handler(request());
    expect(touched).to.equal(0);
    asksForSignal = true;
    await handler(request());
    expect(signal).to.equal(leaving.signal);
  });

  for (const status of [204, 205, 304]) {
    it(`makes a response of a reply without a body: ${status}`, async () => {
      answer = { status, headers: { 'X-Shop': 'mine' }, body: '' };
      const response = await toFetchHandler(handlerOf().endpoint)(post(form));
      expect([response.status, response.headers.get('x-shop'), response.body]).to.deep.equal([status, 'mine', null]);
    });
  }

  it('answers 500 and tells the hook when the function of the address throws', async () => {
    const { told, endpoint } = handlerOf();
    const address = () => {
      throw new Error('no such socket');
    };
    expect(await textOf(await toFetchHandler(endpoint, { address })(post(form)))).to.equal('500 ');
    expect(told).to.deep.equal(['Error: no such socket']);
  });

  it('asks the host for the address, with all that the host passes', async () => {
    const { endpoint } = handlerOf({ allowFrom: ['192.0.2.1'] });
    const handler = toFetchHandler(endpoint, {
      address: (_request, host: { readonly ip: string }, port: number) => (port === 1 ? host.ip : undefined),
    });
    expect((await handler(post(form), { ip: '192.0.2.1' }, 1)).status).to.equal(200);
    expect((await handler(post(form), { ip: '192.0.2.2' }, 1)).status).to.equal(403);
    expect((await toFetchHandler(endpoint)(post(form))).status).to.equal(403);
  });
});
