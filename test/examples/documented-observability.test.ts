import { type ChannelListener, tracingChannel } from 'node:diagnostics_channel';
import { expect } from 'chai';
import { DragonpayCallback, MemoryRepository, OnPost, OnStatus } from '../../src/index.js';
import { dispatchSigned, testDragonpay } from '../support/dispatch-signed.js';
import { CodeFolder, codeUnder, printed } from '../support/documented-code.js';

const page = 'docs/observability.md';

@DragonpayCallback()
class Shop {
  @OnStatus('S') ship() {}
  @OnPost() post() {}
}

async function withPayment(): Promise<MemoryRepository> {
  const repository = new MemoryRepository();
  await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
  return repository;
}

describe('The page about watching', () => {
  let folder: CodeFolder;
  before(async () => {
    folder = await CodeFolder.create();
  });
  after(() => folder.remove());

  it('has a subscriber that prints how long a payment took to store', async () => {
    const [code = ''] = await codeUnder(page, 'Tracing channels', 'ts');
    const subscriber = await folder.run('subscriber', code);
    const endpoint = testDragonpay({ repository: await withPayment() }).endpoint(Shop);
    const lines = await printed(() => dispatchSigned(endpoint));
    const { start, asyncEnd } = tracingChannel('dragonpay-callback:store');
    start.unsubscribe(subscriber.started as ChannelListener);
    asyncEnd.unsubscribe(subscriber.ended as ChannelListener);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(/^payment T-1 S: applied in \d+\.\d ms$/);
  });
});
