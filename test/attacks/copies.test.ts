import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type CallbackEndpoint, DragonpayCallback, OnPost, OnStatus } from '../../src/index.js';
import type { MerchantRepository } from '../../src/repository/capabilities.js';
import { describeRepositories } from '../support/describe-repositories.js';
import { dispatchForged, dispatchSigned, paymentFields, testEndpoint } from '../support/dispatch-signed.js';

const silent = { rejected() {}, stored() {}, handlerFailed() {} };

/** The CPU time of a run, in milliseconds, and its result. */
async function cpuOf<Result>(run: () => Promise<Result>): Promise<[milliseconds: number, result: Result]> {
  const start = process.cpuUsage();
  const result = await run();
  const { user, system } = process.cpuUsage(start);
  return [(user + system) / 1_000, result];
}

const times = <Result>(count: number, make: () => Promise<Result>) => Promise.all(Array.from({ length: count }, make));

function countOf(replies: ReadonlyArray<{ status: number }>): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

describeRepositories('Copies of a callback', (currentRepository) => {
  let repository: MerchantRepository;
  let endpoint: CallbackEndpoint;
  let count = 0;
  let ran: string[] = [];
  let failures = 0;

  @DragonpayCallback()
  class Shipping {
    @OnStatus('S') async ship({ data }: { data: { txnid: string } }) {
      await sleep(data.txnid.startsWith('SLOW') ? 200 : 0);
      ran.push(data.txnid);
      if (failures-- > 0) throw new Error('no courier');
    }
    @OnPost() post() {}
  }

  beforeEach(() => {
    repository = currentRepository();
    endpoint = testEndpoint(Shipping, { repository, hooks: silent });
    ran = [];
    failures = 0;
  });

  async function pay(prefix = 'SLOW'): Promise<string> {
    const txnid = `${prefix}-${++count}`;
    await repository.createPayment({ txnid, amount: '100.00' });
    return txnid;
  }
  it('run the effect once, are answered 200, and are all counted', async () => {
    const txnid = await pay();
    const replies = await times(50, () => dispatchSigned(endpoint, paymentFields({ txnid })));
    expect(countOf(replies)).to.deep.equal({ 200: 50 });
    expect(ran).to.deep.equal([txnid]);
    const [event] = await repository.callbacks({ txnid });
    expect(event).to.include({ deliveries: 50, outcome: 'applied' });
  });

  it('see the outcome duplicate, only the first one applied, and those beyond 100 are not told', async () => {
    const txnid = await pay();
    const outcomes: string[] = [];
    const hooks = {
      ...silent,
      stored: (event: { update: { outcome: string } }) => outcomes.push(event.update.outcome),
    };
    const told = testEndpoint(Shipping, { repository, hooks });
    await times(130, () => dispatchSigned(told, paymentFields({ txnid })));
    expect(outcomes.sort()).to.deep.equal(['applied', ...Array(100).fill('duplicate')]);
  });

  it('try again, once and for all of them, when the first one fails', async () => {
    const txnid = await pay();
    failures = 1;
    const replies = await times(20, () => dispatchSigned(endpoint, paymentFields({ txnid })));
    expect(countOf(replies)).to.deep.equal({ 200: 19, 500: 1 });
    expect(ran).to.deep.equal([txnid, txnid]);
    expect((await repository.findPayment(txnid))?.status).to.equal('S');
  });

  it('are all counted when the method fails for each of them, with one statement a try', async () => {
    const txnid = await pay();
    failures = 2;
    const recordFailure = repository.recordFailure.bind(repository);
    let statements = 0;
    repository.recordFailure = (callback) => {
      statements++;
      return recordFailure(callback);
    };
    await times(20, () => dispatchSigned(endpoint, paymentFields({ txnid })));
    const [event] = await repository.callbacks({ txnid });
    expect(event).to.include({ deliveries: 20, outcome: 'failed' });
    expect(statements).to.equal(2);
  });

  it('are judged apart when their unsigned amounts differ', async () => {
    const txnid = await pay();
    const outcomes: string[] = [];
    const hooks = {
      ...silent,
      stored: (event: { update: { outcome: string } }) => outcomes.push(event.update.outcome),
    };
    const told = testEndpoint(Shipping, { repository, hooks });
    await Promise.all([
      dispatchSigned(told, paymentFields({ txnid, amount: '1.00' })),
      dispatchSigned(told, paymentFields({ txnid, amount: '100.00' })),
    ]);
    expect(outcomes.sort()).to.deep.equal(['applied', 'mismatch']);
  });

  it('are answered 503 at once beyond 100 that wait, and others are not delayed', async () => {
    const [txnid, other] = [await pay(), await pay('QUICK')];
    const copies = times(3_000, () => dispatchSigned(endpoint, paymentFields({ txnid })));
    const startedAt = performance.now();
    expect(await dispatchSigned(endpoint, paymentFields({ txnid: other }))).to.include({ status: 200 });
    const delay = performance.now() - startedAt;
    const replies = await copies;
    expect(countOf(replies)).to.deep.equal({ 200: 101, 503: 2_899 });
    expect(replies.find(({ status }) => status === 503)?.body).to.equal('error=too-many-copies');
    expect(delay).to.be.below(1_500);
    expect(ran.filter((one) => one === txnid)).to.have.length(1);
  });

  const many = Number(process.env.ATTACK_COPIES ?? 2_000);

  /** Sends many copies that `fieldsOf` makes, and a callback of another payer, after as many forgeries. */
  async function attackWith(fieldsOf: (txnid: string, index: number) => Readonly<Record<string, string>>) {
    const send = async (txnid: string) => {
      let index = 0;
      return times(many, () => dispatchSigned(endpoint, paymentFields(fieldsOf(txnid, ++index))));
    };
    // The first runs also include the work of the compiler.
    await times(many, () => dispatchForged(endpoint));
    await send(await pay());
    const [txnid, other] = [await pay(), await pay('QUICK')];
    const [forgeries] = await cpuOf(() => times(many, () => dispatchForged(endpoint)));
    const [copies, [replies, reply]] = await cpuOf(() =>
      Promise.all([send(txnid), dispatchSigned(endpoint, paymentFields({ txnid: other }))]),
    );
    expect(reply).to.include({ status: 200 });
    const { 200: handled = 0, ...refused } = countOf(replies);
    expect(handled).to.be.within(1, many / 10);
    expect(refused).to.deep.equal({ 503: many - handled });
    const figures = `${copies.toFixed(0)} ms of CPU for copies, ${forgeries.toFixed(0)} ms for forgeries`;
    if (process.env.ATTACK_COPIES !== undefined) console.log(`      ${figures}`);
    expect(copies, figures).to.be.below(2 * forgeries + 100);
  }

  it('cost at most twice the CPU time of as many forgeries, and keep nobody out', async function () {
    // Other work on the machine may slow down one of the two runs.
    this.retries(2);
    await attackWith((txnid) => ({ txnid }));
  });

  it('cost at most twice as much when their unsigned amounts differ, and keep nobody out', async function () {
    this.retries(2);
    await attackWith((txnid, index) => ({ txnid, amount: `${index}.00` }));
  });
});
