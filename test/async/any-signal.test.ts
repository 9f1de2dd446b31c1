import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { anySignal } from '../../src/async/any-signal.js';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

describe('anySignal', () => {
  it('anySignal aborts with the first signal, and with its reason', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const { signal } = anySignal(one.signal, other.signal);
    expect(signal.aborted).to.equal(false);
    other.abort('enough');
    one.abort('later');
    expect(signal.reason).to.equal('enough');
  });

  it('anySignal is aborted if one of its signals is', () => {
    const { signal } = anySignal(new AbortController().signal, AbortSignal.abort('before'));
    expect(signal.reason).to.equal('before');
  });

  it('anySignal ignores its signals after forget()', () => {
    const one = new AbortController();
    const { signal, forget } = anySignal(one.signal);
    forget();
    one.abort();
    expect(signal.aborted).to.equal(false);
  });

  it('anySignal keeps an AbortSignal.timeout from being collected', async () => {
    const { signal } = (() => anySignal(new AbortController().signal, AbortSignal.timeout(50)))();
    await sleep(5);
    collectGarbage();
    await sleep(100);
    expect(signal.aborted).to.equal(true);
  });
});
