import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type LambdaResult, toLambdaHandler } from '../../adapters/http/lambda.js';
import type { LambdaEvent } from '../../adapters/http/lambda-event.js';
import { type Callback, createDragonpay, DragonpayCallback, MemoryRepository, OnGet, OnPost } from '../../src/index.js';
import { testEndpoint } from '../support/dispatch-signed.js';

/**
 * Events in the shapes that AWS documents and that others have recorded. Their callback is signed with `a secret`, their
 * client is 203.0.113.7.
 */
const events: ReadonlyArray<{ readonly name: string; readonly event: LambdaEvent }> = JSON.parse(
  readFileSync(new URL('../data/lambda-events.json', import.meta.url), 'utf8'),
);
const eventOf = (part: string) => events.find(({ name }) => name.includes(part))?.event as LambdaEvent;

const seen: unknown[] = [];

@DragonpayCallback({ updateOnGet: true })
class Seeing {
  @OnGet()
  get(callback: Callback) {
    this.post(callback);
  }

  @OnPost()
  post(callback: Callback) {
    const { target = '', native } = callback.request ?? {};
    seen.push({ message: callback.valid && callback.data.message, path: target.split('?')[0], native });
  }
}

async function answer(event: LambdaEvent, allowFrom?: string[]) {
  const repository = new MemoryRepository();
  await repository.createPayment({ txnid: 'BK-1', amount: '100.00' });
  const dragonpay = createDragonpay({
    merchantId: 'ACME',
    environment: 'test',
    verification: { sha1: { secretKeys: ['a secret'] } },
    repository,
    ...(allowFrom && { allowFrom }),
    hooks: { rejected: () => {} },
  });
  const result = await toLambdaHandler(dragonpay.endpoint(Seeing))(event);
  return { result, status: (await repository.findPayment('BK-1'))?.status };
}

describe('The Lambda adapter', () => {
  beforeEach(() => {
    seen.length = 0;
  });

  for (const { name, event } of events) {
    it(`stores ${name}`, async () => {
      const { result, status } = await answer(event);
      expect([result.statusCode, result.body, status]).to.deep.equal([200, 'result=OK', 'S']);
      const path = name.endsWith('with a stage') ? '/prod/dragonpay/callback' : '/dragonpay/callback';
      expect(seen).to.deep.equal([{ message: '[000] Paid: Niño & co', path, native: event }]);
    });

    it(`replies in the form of ${name}`, async () => {
      const { result } = await answer(event);
      const { headers, multiValueHeaders, isBase64Encoded } = result as LambdaResult;
      const many = event.multiValueHeaders != null;
      expect([headers === undefined, multiValueHeaders === undefined, isBase64Encoded]).to.deep.equal([
        many,
        !many,
        false,
      ]);
      const type = many ? multiValueHeaders?.['Content-Type'] : [headers?.['Content-Type']];
      expect(type).to.deep.equal(['text/plain; charset=utf-8']);
    });
  }

  for (const { name, event } of events.filter(
    ({ event }) => (event.requestContext?.http?.method ?? event.httpMethod) === 'POST',
  )) {
    it(`knows the address of ${name}`, async () => {
      expect((await answer(event, ['203.0.113.7'])).result.statusCode).to.equal(200);
      expect((await answer(event, ['198.51.100.1'])).result.statusCode).to.equal(403);
    });
  }

  it('refuses a body that is too long, encoded or not', async () => {
    for (const [body, isBase64Encoded] of [
      ['x'.repeat(16_385), false],
      ['é'.repeat(8_193), false],
      [Buffer.alloc(16_385, 'x').toString('base64'), true],
    ] as const) {
      const { result } = await answer({ ...eventOf('a POST through an HTTP API'), body, isBase64Encoded });
      expect(result.statusCode).to.equal(413);
    }
  });

  it('refuses a field that occurs twice in a query', async () => {
    const event = eventOf('a GET through a REST API');
    const multiValueQueryStringParameters = { ...event.multiValueQueryStringParameters, status: ['S', 'F'] };
    expect((await answer({ ...event, multiValueQueryStringParameters })).result.body).to.equal('error=repeated-field');
  });

  it('reads a query with a lone surrogate, and refuses it', async () => {
    const event = eventOf('a GET through a REST API');
    const multiValueQueryStringParameters = { ...event.multiValueQueryStringParameters, message: ['\ud800'] };
    expect((await answer({ ...event, multiValueQueryStringParameters })).result.statusCode).to.equal(400);
  });

  it('answers 405 to an event that is no request', async () => {
    const { result } = await answer({ source: 'aws.scheduler' } as LambdaEvent);
    expect([result.statusCode, result.body]).to.deep.equal([405, 'error=method-not-allowed']);
  });

  it('answers 500 to an event that cannot be read, and tells the hook', async () => {
    const told: string[] = [];
    const hooks = { rejected: () => {}, replyFailed: ({ error }: { error: unknown }) => told.push(String(error)) };
    const handler = toLambdaHandler(testEndpoint(Seeing, { hooks }));
    const odd = new Proxy({}, { get: () => expect.fail('a trap') });
    expect(await handler(odd)).to.deep.equal({ statusCode: 500, body: '', isBase64Encoded: false });
    expect(told).to.deep.equal(['AssertionError: a trap']);
    for (const event of [null, undefined, 'x'] as never[]) expect((await handler(event)).statusCode).to.equal(405);
  });
});
