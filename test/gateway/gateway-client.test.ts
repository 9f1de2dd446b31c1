import { getEventListeners } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { DragonpayError } from '../../src/errors.js';
import { type Fetch, type GatewayAccess, gatewayCall, gatewayText } from '../../src/gateway/gateway-client.js';
import { judge, policyOf, wordFor } from '../support/judge.js';
import { opensslSign } from '../support/openssl.js';
import { merchantKey, payment, texts } from '../support/proofs.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A gateway on the loopback interface. */
class Gateway {
  answer: Answer = (_, response) => response.end('[]');
  readonly requests: string[] = [];
  readonly #server = createServer((request, response) => {
    this.requests.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    this.answer(request, response);
  });

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
}

describe('gatewayText', () => {
  let gateway: Gateway;
  beforeEach(async () => {
    gateway = new Gateway();
    await gateway.open();
  });
  afterEach(() => gateway.close());

  const globalFetch: Fetch = (url, init) => globalThis.fetch(url, init);

  function accessWith(fetch: Fetch): GatewayAccess {
    return { environment: { gateway: `${gateway.url}/` }, merchantId: 'ACME', apiKey: 'api key', fetch };
  }

  function read(fetch: Fetch = globalFetch): Promise<string> {
    return gatewayText(accessWith(fetch))('/keys/callback');
  }

  async function failure(reading: Promise<string>): Promise<string> {
    const error = await reading.then(
      (text) => `read: ${text.slice(0, 20)}`,
      (reason) => reason,
    );
    if (!DragonpayError.is(error)) return String(error);
    expect(error.message).to.not.include('api key');
    return `${error.code}: ${error.message}`;
  }

  it('calls the collection API with HTTP Basic, follows no redirect and has a signal', async () => {
    const inits: RequestInit[] = [];
    const text = await read((url, init) => {
      inits.push(init);
      return globalThis.fetch(url, init);
    });
    expect(text).to.equal('[]');
    const credentials = Buffer.from('ACME:api key').toString('base64');
    expect(gateway.requests).to.deep.equal([`GET /api/collect/v1/keys/callback Basic ${credentials}`]);
    expect(inits[0]).to.include({ redirect: 'manual' });
    expect(inits[0]?.signal).to.be.instanceOf(AbortSignal);
  });

  it('leaves a byte order mark out', async () => {
    gateway.answer = (_, response) => response.end('\ufeff[]');
    expect(await read()).to.equal('[]');
  });

  const failures: Array<[what: string, answer: Answer, shown: RegExp]> = [
    ['500', (_, response) => response.writeHead(500).end('[]'), /^gateway-unavailable: the gateway answered 500$/],
    ['429', (_, response) => response.writeHead(429).end('[]'), /^gateway-unavailable: the gateway answered 429$/],
    ['404', (_, response) => response.writeHead(404).end('[]'), /^gateway-refused: the gateway answered 404$/],
    ['401', (_, response) => response.writeHead(401).end(), /^gateway-refused: .+merchant id or the API key \(401\)$/],
    ['403', (_, response) => response.writeHead(403).end(), /^gateway-refused: .+merchant id or the API key \(403\)$/],
    ['a connection that breaks off', ({ socket }) => socket.destroy(), /^gateway-unavailable: .+not reached/],
    [
      'a body that breaks off',
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000' }).write('[');
        setTimeout(() => response.socket?.destroy(), 10);
      },
      /^gateway-unavailable: .+not reached/,
    ],
  ];
  for (const [what, answer, shown] of failures) {
    it(`rejects on ${what}, and says whether the gateway was reached`, async () => {
      gateway.answer = answer;
      expect(await failure(read())).to.match(shown);
    });
  }

  it('names the code of a connection that cannot be made', async () => {
    const closed = new Gateway();
    await closed.open();
    const { url } = closed;
    await closed.close();
    const refused = read((_, init) => globalThis.fetch(url, init));
    expect(await failure(refused)).to.equal('gateway-unavailable: the gateway was not reached (ECONNREFUSED)');
  });

  for (const status of [301, 302, 303, 307, 308]) {
    it(`does not follow a redirect ${status}, which would send the credentials elsewhere`, async () => {
      const elsewhere = new Gateway();
      await elsewhere.open();
      try {
        for (const location of [`${elsewhere.url}/api/collect/v1/keys/callback`, '/api/collect/v1/keys/callback?a']) {
          gateway.answer = (_, response) => response.writeHead(status, { location }).end('[]');
          expect(await failure(read())).to.equal(`gateway-refused: the gateway answered ${status}`);
        }
        expect(elsewhere.requests).to.deep.equal([]);
        expect(gateway.requests).to.have.length(2);
      } finally {
        await elsewhere.close();
      }
    });
  }

  it('reads answers of up to 64 KiB, with and without a Content-Length', async () => {
    for (const isChunked of [true, false]) {
      for (const length of [65_536, 65_537]) {
        gateway.answer = (_, response) => {
          const body = '[]'.padEnd(length);
          response.writeHead(200, isChunked ? {} : { 'content-length': String(length) });
          response.write(body.slice(0, 1000));
          response.end(body.slice(1000));
        };
        if (length === 65_536) expect(await read()).to.have.length(length);
        else expect(await failure(read())).to.match(/longer than 65536 bytes/);
      }
    }
  });

  for (const [status, shown] of [
    [200, /longer than 65536 bytes/],
    [500, /answered 500/],
  ] as const) {
    it(`stops reading an answer ${status} without end`, async () => {
      let written = 0;
      const ended = new Promise<void>((resolve) => {
        gateway.answer = (_, response) => {
          response.writeHead(status);
          response.on('close', resolve);
          const write = () => {
            if (response.destroyed) return;
            written += 16_384;
            response.write(' '.repeat(16_384), () => setImmediate(write));
          };
          write();
        };
      });
      const patient = { ...accessWith(globalFetch), timeoutMilliseconds: 60_000 };
      expect(await failure(gatewayText(patient)('/keys/callback'))).to.match(shown);
      await ended;
      expect(written).to.be.lessThan(64 * 1024 * 1024);
    });
  }

  it('lets go of the signal of a call that has ended', async () => {
    const { signal } = new AbortController();
    const call = gatewayCall({ ...accessWith(globalFetch), timeoutMilliseconds: 20_000 });
    await call('/keys/callback', signal);
    gateway.answer = ({ socket }) => socket.destroy();
    await call('/keys/callback', signal).catch(() => {});
    expect(gateway.requests).to.have.length(2);
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
  });

  it('waits five seconds for headers and body together', async () => {
    const asked: number[] = [];
    const original = AbortSignal.timeout;
    // Replaces the signal by one that aborts sooner.
    AbortSignal.timeout = (milliseconds) => {
      asked.push(milliseconds);
      return original.call(AbortSignal, 100);
    };
    try {
      gateway.answer = () => {};
      expect(await failure(read()), 'no answer').to.match(/not reached in time/);
      gateway.answer = (_, response) => response.writeHead(200).write('[');
      expect(await failure(read()), 'no end').to.match(/not reached in time/);
    } finally {
      AbortSignal.timeout = original;
    }
    expect(asked).to.deep.equal([5000, 5000]);
  });

  it('does not wait longer for a fetch that ignores its signal', async () => {
    const endless = () => new ReadableStream({ start: (body) => body.enqueue(Buffer.from('[')) });
    const stalled = new Map<string, Fetch>([
      ['no answer', () => new Promise(() => {})],
      ['no end', async () => new Response(endless())],
      [
        'no end of a refusal',
        async () => new Response(new ReadableStream({ cancel: () => new Promise(() => {}) }), { status: 500 }),
      ],
    ]);
    for (const [what, fetch] of stalled) {
      const hurried = gatewayText({ ...accessWith(fetch), timeoutMilliseconds: 50 });
      expect(await failure(hurried('/keys/callback')), what).to.match(/not reached in time/);
      const ended = gatewayCall(accessWith(fetch))('/keys/callback', AbortSignal.abort(new Error('ended')));
      expect(await failure(ended as Promise<never>), what).to.match(/ended/);
    }
  });

  it('rejects with a coded error, whatever fetch does', async () => {
    for (const fetch of [
      () => {
        throw new TypeError('no network');
      },
      () => Promise.reject(undefined),
      async () => undefined as unknown as Response,
    ] satisfies Fetch[]) {
      expect(await failure(read(fetch))).to.match(/^gateway-unavailable: /);
    }
  });

  it('serves the keys that callbacks are verified with, and junk causes no call', async () => {
    const key = merchantKey();
    gateway.answer = (_, response) => response.end(JSON.stringify([{ value: key.publicKeyDer, status: 'Active' }]));
    const policy = policyOf({ environment: { gateway: gateway.url }, apiKey: 'k', verification: { rsa: {} } });
    const junk = ['Zm9yZ2Vk', Buffer.alloc(255).toString('base64'), Buffer.alloc(1027).toString('base64'), '*'];
    for (const signatures of junk) {
      expect(wordFor(await judge({ ...payment, signatures }, policy)), signatures).to.equal('proof-mismatch');
    }
    expect(gateway.requests).to.have.length(0);
    const signatures = opensslSign(key, texts.rsa);
    expect(wordFor(await judge({ ...payment, signatures }, policy))).to.equal('ok');
    expect(wordFor(await judge({ ...payment, status: 'F', signatures }, policy))).to.equal('proof-mismatch');
    expect(gateway.requests).to.have.length(2);
  });
});
