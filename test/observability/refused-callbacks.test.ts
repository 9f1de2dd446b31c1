import { expect } from 'chai';
import {
  type Callback,
  createDragonpay,
  DragonpayCallback,
  type DragonpaySettings,
  diagnoseCallback,
  MemoryRepository,
  OnPost,
  type RefusedCallback,
} from '../../src/index.js';
import { RefusedCallbacks } from '../../src/observability/refused-callbacks.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { getQuery, makeRequest } from '../support/callback-request.js';
import { runCommand } from '../support/cli.js';
import { dispatchForged, dispatchSigned, paymentFields, secretKey, sha1Settings } from '../support/dispatch-signed.js';

@DragonpayCallback()
class Silent {
  @OnPost() post(_: Callback) {}
}

describe('The setting keepRefused', () => {
  const receiver = (keepRefused: DragonpaySettings['keepRefused'], settings: Partial<DragonpaySettings> = {}) => {
    const dragonpay = createDragonpay({ ...sha1Settings, keepRefused, ...settings });
    return { dragonpay, endpoint: dragonpay.endpoint(Silent) };
  };

  it('keeps none by default', async () => {
    const { dragonpay, endpoint } = receiver(undefined);
    await dispatchForged(endpoint);
    expect(dragonpay.refused()).to.deep.equal([]);
  });

  it('keeps the last refused callbacks with their proofs, the oldest first', async () => {
    const { dragonpay, endpoint } = receiver(2);
    for (const param1 of ['1', '2', '3']) {
      const form = encodeCallback({ ...paymentFields({ param1 }), digest: '0'.repeat(40) });
      await endpoint.dispatch(getQuery(form));
    }
    await dispatchSigned(endpoint);
    const kept = dragonpay.refused();
    expect(kept.map(({ form }) => new URLSearchParams(form).get('param1'))).to.deep.equal(['2', '3']);
    expect(kept[0]).to.include({ method: 'GET', code: 'proof-mismatch' });
    expect(new URLSearchParams(kept[0]?.form).get('digest')).to.equal('0'.repeat(40));
    expect(new Date(kept[0]?.at ?? '').getTime()).to.be.closeTo(Date.now(), 60_000);
  });

  it('keeps callbacks that hold a proof only, whatever they were refused for', async () => {
    const { dragonpay, endpoint } = receiver(9);
    await endpoint.dispatch(getQuery(encodeCallback(paymentFields())));
    await endpoint.dispatch(makeRequest({ method: 'PUT' }));
    await endpoint.dispatch(getQuery(`status=S&digest=${'0'.repeat(40)}`));
    expect(dragonpay.refused().map(({ code, form }) => [code, form])).to.deep.equal([
      ['missing-field', `status=S&digest=${'0'.repeat(40)}`],
    ]);
  });

  it('keeps them with each kind of proof', async () => {
    const verification = { hmac: { keys: ['the HMAC key of a test'] } };
    const { dragonpay, endpoint } = receiver(9, { verification, payout: undefined });
    const proofs = ['digest', 'signature', 'signatures'];
    for (const proof of proofs) await endpoint.dispatch(getQuery(`${encodeCallback(paymentFields())}&${proof}=AAAA`));
    expect(dragonpay.refused().map(({ form }) => [...new URLSearchParams(form).keys()].at(-1))).to.deep.equal(proofs);
  });

  it('passes them to a function, whose failure changes nothing', async () => {
    const kept: RefusedCallback[] = [];
    const { dragonpay, endpoint } = receiver((refused) => {
      kept.push(refused);
      throw new Error('the disk is full');
    });
    expect((await dispatchForged(endpoint)).status).to.equal(400);
    expect(kept).to.have.length(1);
    expect(dragonpay.refused()).to.deep.equal([]);
  });

  it('calls a function at most 60 times a minute', () => {
    let calls = 0;
    const refused = new RefusedCallbacks(() => calls++);
    for (let one = 0; one < 1_000; one++) refused.add('POST', 'proof-mismatch', () => '');
    expect(calls).to.equal(60);
  });

  it('keeps them out of the inbox and of the hooks', async () => {
    const repository = new MemoryRepository();
    const told: unknown[] = [];
    const { endpoint } = receiver(2, { repository, hooks: { rejected: (event) => told.push(event) } });
    await dispatchForged(endpoint);
    expect(await repository.callbacks()).to.deep.equal([]);
    expect(JSON.stringify(told)).to.include('proof-mismatch').and.not.include('0'.repeat(40));
  });

  it('gives what diagnoseCallback() and the command verify read', async () => {
    const { dragonpay, endpoint } = receiver(1);
    const wire = { payment: { sha1: { separator: '|' } } };
    const form = encodeCallback(signCallback(paymentFields(), { sha1: { secretKey } }, { wire }));
    await endpoint.dispatch(getQuery(form));
    const [refused] = dragonpay.refused();
    const settings = { ...sha1Settings, payout: undefined };
    expect((await diagnoseCallback(refused?.form ?? '', settings, { milliseconds: 20_000 })).wire).to.deep.equal(wire);
    const env = {
      DRAGONPAY_MERCHANT_ID: 'ACME',
      DRAGONPAY_ENVIRONMENT: 'test',
      DRAGONPAY_SECRET_KEYS: secretKey,
    };
    const { stdout } = await runCommand(['verify', '--diagnose', '--json'], env, JSON.stringify(refused, undefined, 2));
    expect(JSON.parse(stdout)).to.include({ method: 'GET', outcome: 'invalid' });
    expect(JSON.parse(stdout).diagnosis.wire).to.deep.equal(wire);
    for (const broken of ['{', '{"form":5}', '{}']) {
      const { code, stderr } = await runCommand(['verify'], env, broken);
      expect({ code, stderr }).to.deep.include({ code: 2 });
      expect(stderr).to.include('keepRefused');
    }
  });

  it('may be 0 to 1000', () => {
    for (const most of [0, 1_000]) expect(receiver(most).dragonpay.refused()).to.deep.equal([]);
  });

  for (const wrong of [-1, 1_001, 1.5, 'x', {}]) {
    it(`refuses ${JSON.stringify(wrong)}`, () => {
      expect(() => receiver(wrong as never))
        .to.throw('keepRefused must be an integer from 0 to 1000, or a function')
        .with.property('subject', 'keepRefused');
    });
  }
});
