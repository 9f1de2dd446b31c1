import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { firstSignal } from '../../src/async/any-signal.js';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

describe('firstSignal', () => {
  it('aborts with the first, for its reason', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const { signal } = firstSignal(one.signal, other.signal);
    expect(signal.aborted).to.equal(false);
    other.abort('enough');
    one.abort('later');
    expect(signal.reason).to.equal('enough');
  });

  it('has aborted where one had', () => {
    const { signal } = firstSignal(new AbortController().signal, AbortSignal.abort('before'));
    expect(signal.reason).to.equal('before');
  });

  it('follows none that it has let go of', () => {
    const one = new AbortController();
    const { signal, forget } = firstSignal(one.signal);
    forget();
    one.abort();
    expect(signal.aborted).to.equal(false);
  });

  it('keeps a timeout that nobody else holds', async () => {
    const { signal } = (() => firstSignal(new AbortController().signal, AbortSignal.timeout(50)))();
    await sleep(5);
    collectGarbage();
    await sleep(100);
    expect(signal.aborted).to.equal(true);
  });
});
