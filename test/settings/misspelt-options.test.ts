import { expect } from 'chai';
import {
  createDragonpay,
  DragonpayCallback,
  DragonpayError,
  generateTxnId,
  MemoryRepository,
  OnPost,
  OnStatus,
} from '../../src/index.js';
import { startSandbox } from '../../src/sandbox.js';
import { signCallback } from '../../src/testing.js';
import { sha1Settings } from '../support/dispatch-signed.js';

@DragonpayCallback()
class Silent {
  @OnPost() post() {}
}

/** The code and the message of the error. */
async function refusalOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return DragonpayError.is(error) ? `${error.code}: ${error.message}` : `another error: ${error}`;
  }
  return 'accepted in silence';
}

describe('A misspelt option in JavaScript', () => {
  const receiver = () => createDragonpay({ ...sha1Settings, repository: new MemoryRepository() });
  const by = { reason: 'a test', by: 'Ana' };
  const keys = { sha1: { secretKey: 'x' } };
  const cases: Readonly<Record<string, readonly [run: () => unknown, meant: string]>> = {
    endpoint: [
      () => receiver().endpoint(Silent, { kind: ['payment'] } as never),
      'kind is unknown; did you mean kinds?',
    ],
    reconcile: [() => receiver().reconcile({ olderthan: 1 } as never), 'did you mean olderThan?'],
    keepUp: [() => receiver().keepUp({ everyMillisecond: 500 } as never), 'did you mean everyMilliseconds?'],
    replay: [() => receiver().replay('payment:T:R:S', { handlr: Silent } as never), 'did you mean handler?'],
    close: [() => receiver().close({ millisecond: 1 } as never), 'did you mean milliseconds?'],
    'correct, options': [
      () => receiver().correct('T', { status: 'S' }, { ...by, runEffect: true } as never),
      'runEffects?',
    ],
    'correct, change': [() => new MemoryRepository().correct('T', { refNo: 'R' } as never, by), 'did you mean refno?'],
    createPayment: [
      () => new MemoryRepository().createPayment({ txnid: 'T', amount: '1.00', descripton: 'x' } as never),
      'did you mean description?',
    ],
    createPayout: [
      () => new MemoryRepository().createPayout({ merchantTxnId: 'T', amount: '1.00', refNo: 'x' } as never),
      'did you mean refno?',
    ],
    callbacks: [() => new MemoryRepository().callbacks({ txnId: 'T' } as never), 'did you mean txnid?'],
    '@DragonpayCallback': [() => DragonpayCallback({ updateOnget: true } as never), 'did you mean updateOnGet?'],
    '@OnStatus': [() => OnStatus('S', { kinds: 'payout' } as never), 'did you mean kind?'],
    generateTxnId: [() => generateTxnId({ prefx: 'x' } as never), 'did you mean prefix?'],
    startSandbox: [() => startSandbox({ postbakUrl: 'http://127.0.0.1/' } as never), 'did you mean postbackUrl?'],
    'startSandbox, wire': [() => startSandbox({ wire: { paymnt: {} } } as never), 'did you mean payment?'],
    'signCallback, keys': [() => signCallback({ txnid: 'T' }, { sha: {} } as never), 'did you mean sha1?'],
    'signCallback, options': [() => signCallback({}, keys, { merchantid: 'A' } as never), 'did you mean merchantId?'],
    'signCallback, wire': [
      () => signCallback({}, keys, { wire: { payment: { hmc: {} } } } as never),
      'did you mean hmac?',
    ],
  };
  for (const [name, [run, meant]] of Object.entries(cases)) {
    it(`is refused with the nearest name: ${name}`, async () => {
      expect(await refusalOf(run))
        .to.match(/^invalid-(?:setting|details): /)
        .and.include(meant);
    });
  }

  it('is no other property of an order that becomes a payment', async () => {
    const order = { txnid: 'T-1', amount: '1.00', cart: [1], customerName: 'Ana' };
    expect(await new MemoryRepository().createPayment(order)).to.include({ txnid: 'T-1' });
  });

  it('may be an unknown kind', async () => {
    const endpoint = () => receiver().endpoint(Silent, { kinds: ['payment', 'payuot'] as never });
    expect(await refusalOf(endpoint)).to.equal('invalid-setting: kinds must be a list of "payment" and "payout"');
  });
});
