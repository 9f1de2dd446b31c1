import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { toNodeListener } from '../../adapters/http/node.js';
import {
  createDragonpay,
  DragonpayCallback,
  type DragonpaySettings,
  diagnoseCallback,
  MemoryRepository,
  OnPost,
  type SignedText,
  type WireSettings,
} from '../../src/index.js';
import { startSandbox } from '../../src/sandbox.js';

@DragonpayCallback()
class Silent {
  @OnPost() post() {}
}

const rsaFields = ['txnid', 'refno', 'status', 'message', 'merchantid', 'param1', 'param2', 'amount'] as const;

/** Readings that settings accept, one for each part of a text, and some together. */
const readings: ReadonlyArray<readonly [what: string, proof: 'rsa' | 'hmac' | 'sha1', reading: Partial<SignedText>]> = [
  ['another order', 'rsa', { fields: ['amount', 'txnid', 'refno', 'status', 'message', 'param1'] }],
  ['hints among the fields', 'rsa', { fields: [...rsaFields, 'ccy', 'procid'] }],
  ['a vertical bar', 'rsa', { separator: '|' }],
  ['a line feed', 'hmac', { separator: '\n' }],
  [
    'pairs without empty ones',
    'rsa',
    { fields: [...rsaFields].sort(), pairs: true, separator: '&', empty: 'left-out' },
  ],
  ['amounts in centavos', 'hmac', { amount: 'centavos' }],
  ['the shortest amounts', 'rsa', { amount: 'shortest' }],
  ['values as on the wire', 'rsa', { values: 'encoded' }],
  ['UTF-16', 'rsa', { encodings: ['utf16le'] }],
  ['Latin-1', 'hmac', { encodings: ['latin1'] }],
  ['SHA-512', 'rsa', { hash: 'sha512' }],
  ['PSS', 'rsa', { padding: 'pss' }],
  ['the secret in front', 'sha1', { key: 'in-front' }],
  ['SHA-256 and a semicolon', 'sha1', { hash: 'sha256', separator: ';' }],
  ['CR and LF', 'hmac', { separator: '\r\n' }],
  ['the secret glued to the text', 'sha1', { keySeparator: '' }],
  ['names as on the wire', 'rsa', { pairs: 'as-sent', separator: '&' }],
];

describe('A sandbox with a wire of its own', () => {
  let handle: RequestListener = () => {};
  const server = createServer((request, response) => handle(request, response));
  let url = '';
  before(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  after(() => server.close());

  for (const [what, proof, reading] of readings) {
    it(`shows ${what} (${proof}): refused, found, accepted; a changed one refused`, async () => {
      const wire: WireSettings = { payment: { [proof]: reading } };
      const sandbox = await startSandbox({ proofs: [proof], wire });
      try {
        const repository = new MemoryRepository();
        const hooks = { rejected: () => {} };
        const { payout: _, ...own } = sandbox.settings;
        let dragonpay = createDragonpay({ ...own, repository, hooks, keepRefused: 5 });
        handle = toNodeListener(dragonpay.endpoint(Silent));
        sandbox.register({ postbackUrl: url });
        const pay = async (txnid: string, amount: string, description: string) => {
          await repository.createPayment({ txnid, amount });
          sandbox.createPayment({ txnid, amount, description, email: 'a@b.example', param1: 'cart 9' });
          const { postbacks } = await sandbox.settle(txnid, 'S', { message: `[000] Niño paid ${description}` });
          return postbacks[0]?.answer?.status;
        };
        expect(await pay('ORD-1', '1500.50', 'books'), 'by default').to.equal(400);
        const [refused] = dragonpay.refused();
        expect(refused).to.include({ method: 'POST', code: 'proof-mismatch' });

        const settings: DragonpaySettings = { ...own, hooks };
        const diagnosis = await diagnoseCallback(refused?.form ?? '', settings, { milliseconds: 20_000 });
        expect(diagnosis.outcome, JSON.stringify(diagnosis.proofs)).to.equal('mended');

        const pasted: WireSettings = JSON.parse(JSON.stringify(diagnosis.wire));
        dragonpay = createDragonpay({ ...settings, repository, wire: pasted });
        handle = toNodeListener(dragonpay.endpoint(Silent));
        expect(await pay('ORD-2', '20.00', 'a pen'), 'with the setting').to.equal(200);
        expect((await repository.findPayment('ORD-2'))?.status).to.equal('S');

        await repository.createPayment({ txnid: 'ORD-3', amount: '9.00' });
        sandbox.createPayment({ txnid: 'ORD-3', amount: '9.00', description: 'x', email: 'a@b.example' });
        const { postbacks } = await sandbox.settle('ORD-3', 'F');
        const form = new URLSearchParams(Object.entries(postbacks[0]?.fields ?? {}));
        form.set('status', 'S');
        expect((await fetch(url, { method: 'POST', body: form })).status, 'changed').to.equal(400);
      } finally {
        await sandbox.close();
      }
    });
  }

  it('refuses a wire that is no object', async () => {
    const error = await startSandbox({ wire: 'x' as never }).catch((reason: unknown) => reason);
    expect(error).to.include({ code: 'invalid-setting', subject: 'wire' });
  });
});
