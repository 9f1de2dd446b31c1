import { createPrivateKey, createPublicKey } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { type Fetch, gatewayFetch } from '../../src/gateway/gateway-client.js';
import { FetchedPublicKeys } from '../../src/verification/fetched-public-keys.js';
import { givenKeys, type PublicKey, readPublicKey } from '../../src/verification/public-keys.js';
import { judge, policyOf, wordFor } from '../support/judge.js';
import { type OpensslKeyPair, opensslEcKey, opensslRsaKey, opensslSign } from '../support/openssl.js';
import { merchantKey, payment, texts } from '../support/proofs.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

interface ListedKey {
  readonly value: unknown;
  readonly status: unknown;
}

/** The keys endpoint of a gateway, on the loopback interface. */
class Gateway {
  keys: readonly ListedKey[] = [];
  /** Answers instead of the list of keys. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  readonly requests: string[] = [];
  readonly #server = createServer((request, response) => {
    this.requests.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    if (request.headers.authorization !== `Basic ${Buffer.from('ACME:api key').toString('base64')}`) {
      response.writeHead(401).end();
    } else if (request.method !== 'GET' || request.url !== '/api/collect/v1/keys/callback') {
      response.writeHead(404).end();
    } else if (this.answer !== undefined) {
      this.answer(request, response);
    } else {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(this.keys));
    }
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

  fail(status = 500): void {
    this.answer = (_, response) => response.writeHead(status).end();
  }

  recover(): void {
    this.answer = undefined;
  }
}

const active = ({ publicKeyDer }: OpensslKeyPair): ListedKey => ({ value: publicKeyDer, status: 'Active' });
const revoked = ({ publicKeyDer }: OpensslKeyPair): ListedKey => ({ value: publicKeyDer, status: 'Revoked' });

describe('Public keys', () => {
  let key: OpensslKeyPair;
  let newKey: OpensslKeyPair;
  let smallKey: OpensslKeyPair;
  let ecKey: OpensslKeyPair;
  before(() => {
    key = merchantKey();
    newKey = opensslRsaKey();
    smallKey = opensslRsaKey(1024);
    ecKey = opensslEcKey();
  });

  describe('are read', () => {
    it('from PEM, base64 DER and a KeyObject alike', () => {
      const derWithLineBreaks = key.publicKeyDer.replace(/(.{64})/g, '$1\n');
      for (const input of [
        key.publicKeyPem,
        `\n  ${key.publicKeyPem}\n`,
        key.publicKeyDer,
        ` ${derWithLineBreaks}\n`,
        createPublicKey(key.publicKeyPem),
      ]) {
        const { keyId, signatureBytes } = readPublicKey(input);
        expect({ keyId, signatureBytes }).to.deep.equal({ keyId: key.keyId, signatureBytes: 256 });
      }
    });

    it('with as many bytes as their signatures have', () => {
      expect(readPublicKey(opensslRsaKey(2056).publicKeyPem).signatureBytes).to.equal(257);
    });

    /** A public key like ours with another exponent, in base64url. */
    function keyWithExponent(e: string) {
      return createPublicKey({
        key: { ...createPublicKey(key.publicKeyPem).export({ format: 'jwk' }), e },
        format: 'jwk',
      });
    }

    const refused: Array<[what: string, input: () => Parameters<typeof readPublicKey>[0], message: RegExp]> = [
      ['a private key in PEM', () => key.privateKeyPem, /must be a public key/],
      ['a private KeyObject', () => createPrivateKey(key.privateKeyPem), /must be an RSA public key/],
      ['a key of an elliptic curve', () => ecKey.publicKeyPem, /must be an RSA public key/],
      ['a key of 1024 bits', () => smallKey.publicKeyDer, /2048 to 8192 bits, not of 1024/],
      ['a key whose exponent is 1', () => keyWithExponent('AQ'), /odd exponent/],
      ['a key whose exponent is even', () => keyWithExponent('Ag'), /odd exponent/],
      ['nothing', () => '', /must be a public key/],
      ['text', () => 'swordfish', /must be a public key/],
      ['base64 of something else', () => Buffer.from('swordfish').toString('base64'), /must be a public key/],
      ['PEM cut short', () => key.publicKeyPem.slice(0, 200), /must be a public key/],
      ['DER cut short', () => key.publicKeyDer.slice(0, 200), /must be a public key/],
    ];
    for (const [what, input, message] of refused) {
      it(`but not from ${what}, and the error quotes nothing`, () => {
        const given = input();
        let error: unknown;
        try {
          readPublicKey(given);
        } catch (thrown) {
          error = thrown;
        }
        expect(error).to.be.instanceOf(Error).with.property('message').that.matches(message);
        const shown = `${(error as Error).stack} ${JSON.stringify(error)} ${String((error as Error).cause)}`;
        // Of PEM its second line, as the first is no secret.
        const quoted = typeof given === 'string' ? given.split('\n').at(given.includes('\n') ? 1 : 0) : undefined;
        if (quoted) expect(shown).to.not.include(quoted);
      });
    }
  });

  it('that are given never change', async () => {
    const keys = givenKeys([readPublicKey(key.publicKeyPem), readPublicKey(newKey.publicKeyPem)]);
    expect(await keys.firstThatVerifies(({ keyId }) => keyId === newKey.keyId)).to.deep.equal({
      ok: true,
      keyId: newKey.keyId,
    });
    expect(await keys.firstThatVerifies(() => true)).to.deep.equal({ ok: true, keyId: key.keyId });
    expect(await keys.firstThatVerifies(() => false)).to.deep.equal({ ok: false, reason: 'mismatch' });
    expect(await keys.settled()).to.equal(undefined);
  });

  describe('that are fetched', () => {
    const gateway = new Gateway();
    let now: number;
    let keys: FetchedPublicKeys;

    before(() => gateway.open());
    after(() => gateway.close());
    beforeEach(() => {
      gateway.recover();
      gateway.keys = [active(key)];
      gateway.requests.length = 0;
      now = Date.UTC(2026, 0, 1);
      keys = fetched();
    });

    function fetched(fetch: Fetch = (url, init) => globalThis.fetch(url, init), apiKey = 'api key'): FetchedPublicKeys {
      const environment = { gateway: gateway.url };
      const call = gatewayFetch({ environment, merchantId: 'ACME', apiKey, fetch });
      return new FetchedPublicKeys(
        () => call('/keys/callback'),
        () => now,
      );
    }

    /** What comes of a proof that this key made: `ok` or the word that says why not. */
    async function proofBy({ keyId }: OpensslKeyPair, source = keys): Promise<string> {
      const checked = await source.firstThatVerifies((candidate: PublicKey) => candidate.keyId === keyId);
      if (!checked.ok) return checked.reason;
      expect(checked.keyId).to.equal(keyId);
      return 'ok';
    }

    it('come from the keys endpoint, with HTTP Basic', async () => {
      expect(await proofBy(key)).to.equal('ok');
      expect(gateway.requests).to.deep.equal([
        `GET /api/collect/v1/keys/callback Basic ${Buffer.from('ACME:api key').toString('base64')}`,
      ]);
    });

    it('verify a callback that openssl signed', async () => {
      const policy = policyOf({
        environment: { gateway: `${gateway.url}/` },
        apiKey: 'api key',
        verification: { rsa: {} },
      });
      const signatures = opensslSign(key, texts.rsa);
      expect(wordFor(await judge({ ...payment, signatures }, policy))).to.equal('ok');
      now += second;
      expect(wordFor(await judge({ ...payment, status: 'F', signatures }, policy))).to.equal('proof-mismatch');
      expect(gateway.requests).to.have.length(2);
    });

    it('are not fetched before they are needed', async () => {
      await keys.settled();
      expect(gateway.requests).to.deep.equal([]);
    });

    it('serve for an hour', async () => {
      expect(await proofBy(key)).to.equal('ok');
      now += hour - 1;
      expect(await proofBy(key)).to.equal('ok');
      expect(gateway.requests).to.have.length(1);
      now += 1;
      expect(await proofBy(key)).to.equal('ok');
      expect(gateway.requests).to.have.length(2);
    });

    it('are fetched once for many proofs at the same time', async () => {
      const words = await Promise.all(Array.from({ length: 20 }, () => proofBy(key)));
      expect(words).to.deep.equal(Array.from({ length: 20 }, () => 'ok'));
      expect(gateway.requests).to.have.length(1);
      now += minute;
      const forged = await Promise.all(Array.from({ length: 20 }, () => proofBy(newKey)));
      expect(new Set(forged)).to.deep.equal(new Set(['mismatch']));
      // The first proof causes a fetch. The others came after it began, and share one more.
      expect(gateway.requests).to.have.length(3);
    });

    it('are fetched again for proofs that fail, five times at once and then once a minute', async () => {
      await proofBy(key);
      for (let junk = 0; junk < 5; junk++) {
        now += second;
        expect(await proofBy(newKey)).to.equal('mismatch');
      }
      now += second;
      expect(await proofBy(newKey), 'older keys do not prove a forgery').to.equal('keys-unavailable');
      expect(gateway.requests).to.have.length(6);
      now += minute;
      expect(await proofBy(newKey)).to.equal('mismatch');
      expect(await proofBy(newKey)).to.equal('keys-unavailable');
      expect(gateway.requests).to.have.length(7);
    });

    it('are not fetched again for a proof that fails against keys as fresh as itself', async () => {
      expect(await proofBy(newKey)).to.equal('mismatch');
      expect(gateway.requests).to.have.length(1);
    });

    it('are not fetched again for a proof that holds', async () => {
      gateway.keys = [active(key), active(newKey)];
      for (const by of [key, newKey, key, newKey]) {
        expect(await proofBy(by)).to.equal('ok');
        now += second;
      }
      expect(gateway.requests).to.have.length(1);
    });

    it('rotate without a lost callback', async () => {
      await proofBy(key);
      now += 10 * minute;
      gateway.keys = [revoked(key), active(newKey)];
      expect(await proofBy(newKey)).to.equal('ok');
      expect(await proofBy(key), 'the old one is revoked').to.equal('mismatch');
      expect(gateway.requests).to.have.length(3);
    });

    it('never include a revoked one, nor one of another status', async () => {
      gateway.keys = [
        revoked(key),
        { value: key.publicKeyDer, status: 'Suspended' },
        { value: key.publicKeyDer, status: 1 },
        active(newKey),
      ];
      expect(await proofBy(key)).to.equal('mismatch');
      expect(await proofBy(newKey)).to.equal('ok');
    });

    it('serve no more once all are revoked, and nothing can be judged', async () => {
      expect(await proofBy(key)).to.equal('ok');
      now += hour;
      gateway.keys = [revoked(key)];
      expect(await proofBy(key)).to.equal('keys-unavailable');
      now += hour;
      gateway.keys = [active(newKey)];
      expect(await proofBy(newKey)).to.equal('ok');
    });

    it('go on serving for a day when they cannot be fetched, and no longer', async () => {
      await proofBy(key);
      gateway.fail();
      now += hour;
      expect(await proofBy(key)).to.equal('ok');
      now += day - hour - 1;
      expect(await proofBy(key)).to.equal('ok');
      now += 1;
      expect(await proofBy(key)).to.equal('keys-unavailable');
      gateway.recover();
      now += minute;
      expect(await proofBy(key)).to.equal('ok');
    });

    it('are unavailable as long as none were fetched', async () => {
      gateway.fail();
      expect(await proofBy(key)).to.equal('keys-unavailable');
      gateway.recover();
      expect(await proofBy(key)).to.equal('ok');
    });

    it('are asked for ever more rarely while the gateway is down, and a minute apart in the end', async () => {
      gateway.fail();
      const askedAt: number[] = [];
      const start = now;
      for (let asked = 0; now - start < 6 * minute; now += second / 2) {
        expect(await proofBy(key)).to.equal('keys-unavailable');
        if (gateway.requests.length > asked) askedAt.push((now - start) / second);
        asked = gateway.requests.length;
      }
      const waits = askedAt.slice(1).map((at, index) => at - (askedAt[index] as number));
      expect(waits).to.deep.equal([0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
      gateway.recover();
      now += minute;
      expect(await proofBy(key)).to.equal('ok');
    });

    it('leave a proof undecided that fails while they cannot be renewed', async () => {
      await proofBy(key);
      now += 10 * minute;
      gateway.fail();
      gateway.keys = [active(newKey)];
      expect(await proofBy(newKey)).to.equal('keys-unavailable');
      now += second;
      expect(await proofBy(newKey), 'nor a second later').to.equal('keys-unavailable');
      expect(gateway.requests).to.have.length(3);
      expect(await proofBy(key), 'the known keys serve meanwhile').to.equal('ok');
      gateway.recover();
      now += minute;
      expect(await proofBy(newKey)).to.equal('ok');
    });

    it('leave a proof undecided that fails against old keys when the hour is over and the gateway is down', async () => {
      await proofBy(key);
      now += 2 * hour;
      gateway.fail();
      expect(await proofBy(newKey)).to.equal('keys-unavailable');
      expect(await proofBy(key)).to.equal('ok');
    });

    it('serve a proof that waited for the fetch of another', async () => {
      await proofBy(key);
      now += minute;
      gateway.keys = [active(newKey)];
      const words = await Promise.all([proofBy(newKey), proofBy(key), proofBy(newKey)]);
      expect(words).to.deep.equal(['ok', 'ok', 'ok']);
      expect(gateway.requests).to.have.length(2);
    });

    it('pass over what is no usable key', async () => {
      gateway.keys = [
        { value: 'junk', status: 'Active' },
        { value: 7, status: 'Active' },
        { value: ecKey.publicKeyDer, status: 'Active' },
        active(smallKey),
        { value: key.privateKeyPem, status: 'Active' },
        null as unknown as ListedKey,
        'key' as unknown as ListedKey,
        active(key),
      ];
      expect(await proofBy(key)).to.equal('ok');
      expect(await proofBy(smallKey)).to.equal('mismatch');
      expect(await proofBy(ecKey)).to.equal('mismatch');
    });

    it('take a list without a usable key for a failed fetch', async () => {
      await proofBy(key);
      now += hour;
      gateway.keys = [active(smallKey), { value: 'junk', status: 'Active' }];
      expect(await proofBy(key), 'the last keys known go on').to.equal('ok');
    });

    const bad: Array<[what: string, answer: (response: ServerResponse) => void]> = [
      ['an error', (response) => response.writeHead(500).end('[]')],
      ['not found', (response) => response.writeHead(404).end('[]')],
      ['no content', (response) => response.writeHead(204).end()],
      ['nothing', (response) => response.writeHead(200).end()],
      ['HTML', (response) => response.writeHead(200).end('<html></html>')],
      ['JSON cut short', (response) => response.writeHead(200).end(`[{"value":"${key.publicKeyDer}","status":"Act`)],
      ['null', (response) => response.writeHead(200).end('null')],
      ['an object', (response) => response.writeHead(200).end(JSON.stringify({ 0: active(key), length: 1 }))],
      ['text', (response) => response.writeHead(200).end('"Active"')],
      ['a connection that breaks off', (response) => response.socket?.destroy()],
      [
        'a body that breaks off',
        (response) => {
          response.writeHead(200, { 'content-length': '1000' }).write('[');
          setTimeout(() => response.socket?.destroy(), 10);
        },
      ],
    ];
    for (const [what, answer] of bad) {
      it(`are unavailable when the gateway answers with ${what}`, async () => {
        gateway.answer = (_, response) => answer(response);
        expect(await proofBy(key)).to.equal('keys-unavailable');
        gateway.recover();
        expect(await proofBy(key)).to.equal('ok');
      });
    }

    it('are unavailable with a wrong API key', async () => {
      expect(await proofBy(key, fetched(undefined, 'another key'))).to.equal('keys-unavailable');
      expect(gateway.requests).to.have.length(1);
    });

    for (const status of [301, 302, 303, 307, 308]) {
      it(`are not fetched where a redirect ${status} leads, which would carry the credentials along`, async () => {
        const elsewhere = new Gateway();
        elsewhere.keys = [active(key)];
        await elsewhere.open();
        try {
          for (const location of [
            `${elsewhere.url}/api/collect/v1/keys/callback`,
            '/api/collect/v1/keys/callback?again',
          ]) {
            gateway.answer = (_, response) =>
              response.writeHead(status, { location }).end(JSON.stringify(gateway.keys));
            expect(await proofBy(key, fetched())).to.equal('keys-unavailable');
          }
          expect(elsewhere.requests).to.deep.equal([]);
          expect(gateway.requests).to.have.length(2);
        } finally {
          await elsewhere.close();
        }
      });
    }

    it('are read up to 64 KiB', async () => {
      const list = JSON.stringify(gateway.keys);
      const answerWith = (length: number, chunked: boolean) => {
        gateway.answer = (_, response) => {
          const body = list.padEnd(length);
          response.writeHead(200, chunked ? {} : { 'content-length': String(length) });
          response.write(body.slice(0, 1000));
          response.end(body.slice(1000));
        };
      };
      for (const chunked of [true, false]) {
        answerWith(65_536, chunked);
        expect(await proofBy(key, fetched())).to.equal('ok');
        answerWith(65_537, chunked);
        expect(await proofBy(key, fetched())).to.equal('keys-unavailable');
      }
    });

    it('stop reading an answer without end', async () => {
      let written = 0;
      const ended = new Promise<void>((resolve) => {
        gateway.answer = (_, response) => {
          response.writeHead(200);
          response.on('close', resolve);
          const write = () => {
            if (response.destroyed) return;
            written += 16_384;
            response.write(' '.repeat(16_384), () => setImmediate(write));
          };
          write();
        };
      });
      expect(await proofBy(key)).to.equal('keys-unavailable');
      await ended;
      expect(written).to.be.lessThan(64 * 1024 * 1024);
    });

    it('are waited for five seconds, headers and body together', async () => {
      const asked: number[] = [];
      const original = AbortSignal.timeout;
      // The same signal, only sooner.
      AbortSignal.timeout = (milliseconds) => {
        asked.push(milliseconds);
        return original.call(AbortSignal, 100);
      };
      try {
        gateway.answer = () => {};
        expect(await proofBy(key, fetched()), 'no answer').to.equal('keys-unavailable');
        gateway.answer = (_, response) => response.writeHead(200).write('[');
        expect(await proofBy(key, fetched()), 'no end').to.equal('keys-unavailable');
      } finally {
        AbortSignal.timeout = original;
      }
      expect(asked).to.deep.equal([5000, 5000]);
    });

    it('settle when no fetch is in flight', async () => {
      let answerNow: (() => void) | undefined;
      const asked = new Promise<void>((resolve) => {
        gateway.answer = (_, response) => {
          answerNow = () => response.writeHead(200).end(JSON.stringify(gateway.keys));
          resolve();
        };
      });
      const word = proofBy(key);
      await asked;
      let settled = false;
      const settling = keys.settled().then(() => {
        settled = true;
      });
      await new Promise(setImmediate);
      expect(settled).to.equal(false);
      answerNow?.();
      await settling;
      expect(await word).to.equal('ok');
    });

    it('never reject, also where fetch itself throws', async () => {
      for (const fetch of [
        () => {
          throw new TypeError('no network');
        },
        () => Promise.reject(undefined),
        async () => undefined as unknown as Response,
      ] satisfies Fetch[]) {
        const source = fetched(fetch);
        expect(await proofBy(key, source)).to.equal('keys-unavailable');
        await source.settled();
      }
    });

    it('are asked for with the settings that keep credentials safe', async () => {
      const inits: RequestInit[] = [];
      const source = fetched((url, init) => {
        inits.push(init);
        return globalThis.fetch(url, init);
      });
      expect(await proofBy(key, source)).to.equal('ok');
      expect(inits).to.have.length(1);
      expect(inits[0]).to.include({ redirect: 'manual' });
      expect(inits[0]?.signal).to.be.instanceOf(AbortSignal);
    });
  });
});
