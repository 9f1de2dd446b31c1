import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { BodyRead, CallbackRequest } from '../../src/model/callback-request.js';
import { FieldReader } from '../../src/reading/field-reader.js';
import { makeRequest, postForm } from '../support/callback-request.js';

/** A request whose body arrives when the test says so. */
function arriving() {
  let arrive: (body: BodyRead) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const body = new Promise<BodyRead>((resolve, reject) => {
    arrive = resolve;
    fail = reject;
  });
  return { request: { ...makeRequest({}), body: () => body } as CallbackRequest, arrive, fail };
}

const form: BodyRead = { kind: 'text', text: 'txnid=A' };

describe('FieldReader', () => {
  const reader = (bodyMilliseconds: number) =>
    new FieldReader({ bodyBytes: 1_000, queryBytes: 1_000, fields: 8, bodyMilliseconds });

  it('reads at once what has arrived, and waits for what has not', async () => {
    const read = reader(5_000);
    expect(read.read(postForm('txnid=A'))).to.include({ ok: true });
    const { request, arrive } = arriving();
    const fields = read.read(request);
    arrive(form);
    expect(await fields).to.deep.include({ ok: true });
  });

  it('refuses a body that does not arrive in time', async () => {
    const { request, arrive } = arriving();
    const fields = reader(20).read(request);
    await sleep(40);
    arrive(form);
    expect(await fields).to.deep.equal({ ok: false, code: 'body-timeout' });
  });

  it('refuses all bodies that are arriving when it is closed, and no others', async () => {
    const read = reader(5_000);
    const [first, second, early] = [arriving(), arriving(), arriving()];
    const fields = [first, second, early].map(({ request }) => read.read(request));
    early.arrive(form);
    expect(await fields[2]).to.deep.include({ ok: true });
    read.close();
    first.arrive(form);
    expect(await Promise.all(fields.slice(0, 2))).to.deep.equal(Array(2).fill({ ok: false, code: 'closing' }));
    const later = arriving();
    const laterFields = read.read(later.request);
    later.arrive(form);
    expect(await laterFields).to.deep.include({ ok: true });
  });

  it('rejects with the error of the server', async () => {
    const { request, fail } = arriving();
    const error = new Error('the stream broke');
    const fields = reader(5_000).read(request);
    fail(error);
    expect(await Promise.resolve(fields).catch((thrown) => thrown)).to.equal(error);
  });

  it('leaves no timer behind', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const read = reader(60_000);
    const requests = Array.from({ length: 50 }, arriving);
    const fields = requests.map(({ request }) => read.read(request));
    const during = timers();
    for (const { arrive } of requests.slice(1)) arrive(form);
    await Promise.all(fields.slice(1));
    read.close();
    await fields[0];
    // Mocha has a timer, too, so only the difference counts.
    expect(during - timers()).to.be.within(49, 51);
  });
});
