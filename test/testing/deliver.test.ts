import { expect } from 'chai';
import { type Callback, DragonpayCallback, MemoryRepository, OnGet, OnPost } from '../../src/index.js';
import { deliver, encodeCallback, signCallback } from '../../src/testing.js';
import { paymentFields, secretKey, testEndpoint } from '../support/dispatch-signed.js';

describe('deliver', () => {
  let seen: Callback[] = [];

  @DragonpayCallback()
  class Shop {
    @OnPost()
    settle(callback: Callback) {
      seen.push(callback);
    }

    @OnGet()
    show(callback: Callback) {
      seen.push(callback);
      return 'shown';
    }
  }

  beforeEach(() => {
    seen = [];
  });

  const signed = () => signCallback(paymentFields({ message: 'Niño: 50% + a & b' }), { sha1: { secretKey } });

  it('posts a signed callback the whole way, with no server in between', async () => {
    const repository = new MemoryRepository();
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    const reply = await deliver(testEndpoint(Shop, { repository }), signed());
    expect(reply).to.include({ status: 200, body: 'result=OK' });
    expect(seen[0]).to.include({ valid: true, method: 'POST', status: 'S' });
    expect(seen[0]?.valid && seen[0].data.message).to.equal('Niño: 50% + a & b');
    expect((await repository.findPayment('T-1'))?.status).to.equal('S');
  });

  it('sends a callback by GET, as a return', async () => {
    const reply = await deliver(testEndpoint(Shop), signed(), { method: 'GET' });
    expect(reply).to.include({ status: 200, body: 'shown' });
    expect(seen[0]).to.include({ valid: true, method: 'GET' });
  });

  for (const method of ['POST', 'GET'] as const) {
    it(`delivers a form as it is, by ${method}`, async () => {
      const form = encodeCallback(signed());
      expect((await deliver(testEndpoint(Shop), form, { method })).status).to.equal(200);
      await deliver(testEndpoint(Shop), `${form}&txnid=another`, { method });
      expect(seen[1]?.valid === false && seen[1].issues[0]?.code).to.equal('repeated-field');
    });
  }

  it('delivers half a surrogate pair as the sign that its proof covers', async () => {
    const callback = signCallback(paymentFields({ message: 'Half \ud83d' }), { sha1: { secretKey } });
    expect((await deliver(testEndpoint(Shop), callback)).status).to.equal(200);
    expect(seen[0]?.valid && seen[0].data.message).to.equal('Half \ufffd');
  });

  it('answers with the refusal of a forgery', async () => {
    const reply = await deliver(testEndpoint(Shop), { ...signed(), status: 'F' });
    expect(reply).to.include({ status: 400, body: 'error=proof-mismatch' });
  });
});
