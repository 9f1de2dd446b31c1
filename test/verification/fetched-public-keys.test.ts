import { expect } from 'chai';
import fc from 'fast-check';
import { FetchedPublicKeys } from '../../src/verification/fetched-public-keys.js';
import { type PublicKey, readPublicKey } from '../../src/verification/public-keys.js';
import { numberAsKey, type OpensslKeyPair, opensslEcKey, opensslRsaKey } from '../support/openssl.js';
import { merchantKey } from '../support/proofs.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const listed = (status: unknown) => (key: OpensslKeyPair) => ({ value: key.publicKeyDer, status });
const [active, revoked] = [listed('Active'), listed('Revoked')];

describe('FetchedPublicKeys', () => {
  let [key, newKey, otherKey] = [] as unknown as [OpensslKeyPair, OpensslKeyPair, OpensslKeyPair];
  before(() => {
    [key, newKey, otherKey] = [merchantKey(), opensslRsaKey(), opensslRsaKey()];
  });

  /** The answer of the keys endpoint, or an error. */
  let answer: unknown;
  let fetches: number;
  let problems: string[];
  /** The ids of the keys that proofs were checked with. */
  let tried: string[];
  let now: number;
  let keys: FetchedPublicKeys;
  beforeEach(() => {
    [answer, fetches, problems, tried, now] = [[active(key)], 0, [], [], 5 * day];
    keys = fetched(async () => {
      if (answer instanceof Error) throw answer;
      return typeof answer === 'string' ? answer : JSON.stringify(answer);
    });
  });

  function fetched(fetchKeyList: () => Promise<string>): FetchedPublicKeys {
    const counting = () => {
      fetches++;
      return fetchKeyList();
    };
    return new FetchedPublicKeys(
      counting,
      (problem) => problems.push(problem),
      () => now,
    );
  }

  const down = new Error('the gateway was not reached');

  /** The result for a proof that this key made: `ok`, `mismatch`, or the reason why it cannot be checked. */
  async function proofBy({ keyId }: OpensslKeyPair, source = keys): Promise<string> {
    const checked = await source.firstThatVerifies((candidate: PublicKey) => {
      tried.push(candidate.key.asymmetricKeyType === 'rsa' ? candidate.keyId : 'not a key');
      return candidate.keyId === keyId;
    });
    if (!checked.ok && checked.reason === 'mismatch') return checked.reason;
    if (!checked.ok) {
      expect(checked.reason).to.equal('keys-unavailable');
      return checked.problem as string;
    }
    expect(checked.keyId).to.equal(keyId);
    return 'ok';
  }

  const undecided = /fetched before the callback arrived/;

  it('tells whether its keys are fresh and usable, and why the last fetch failed', async () => {
    expect(keys.status()).to.deep.equal({ usable: false, fresh: false, problem: undefined });
    await proofBy(key);
    expect(keys.status()).to.deep.equal({ usable: true, fresh: true, problem: undefined });
    now += hour;
    expect(keys.status()).to.deep.equal({ usable: true, fresh: false, problem: undefined });
    answer = down;
    await proofBy(key);
    expect(keys.status()).to.deep.equal({ usable: true, fresh: false, problem: down.message });
    now += day;
    expect(keys.status()).to.deep.equal({ usable: false, fresh: false, problem: down.message });
    answer = [active(key)];
    await proofBy(key);
    expect(keys.status()).to.deep.equal({ usable: true, fresh: true, problem: undefined });
  });

  it('fetches keys when the first proof needs them', async () => {
    await keys.settled();
    expect(fetches).to.equal(0);
    expect(await proofBy(key)).to.equal('ok');
    expect(fetches).to.equal(1);
  });

  it('keeps keys for an hour', async () => {
    expect(await proofBy(key)).to.equal('ok');
    now += hour - 1;
    expect(await proofBy(key)).to.equal('ok');
    expect(fetches).to.equal(1);
    now += 1;
    expect(await proofBy(key)).to.equal('ok');
    expect(fetches).to.equal(2);
  });

  it('fetches once for many proofs at the same time, and once more for those after its start', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => proofBy(key)));
    expect(new Set(results)).to.deep.equal(new Set(['ok']));
    expect(fetches).to.equal(1);
    const forged = await Promise.all(Array.from({ length: 20 }, () => proofBy(newKey)));
    expect(new Set(forged)).to.deep.equal(new Set(['mismatch']));
    expect(fetches).to.equal(3);
  });

  it('does not fetch for proofs that hold', async () => {
    answer = [active(key), active(newKey)];
    for (const by of [key, newKey, key, newKey]) expect(await proofBy(by)).to.equal('ok');
    expect(fetches).to.equal(1);
  });

  it('fetches for 5 proofs that fail, then for one a minute, and decides nothing without', async () => {
    await proofBy(key);
    for (let junk = 0; junk < 5; junk++) expect(await proofBy(newKey)).to.equal('mismatch');
    expect(await proofBy(newKey)).to.match(undecided);
    expect(fetches).to.equal(6);
    now += minute - 1;
    expect(await proofBy(newKey)).to.match(undecided);
    now += 1;
    expect(await proofBy(newKey)).to.equal('mismatch');
    expect(await proofBy(newKey)).to.match(undecided);
    expect(fetches).to.equal(7);
    expect(await proofBy(key), 'the known keys serve meanwhile').to.equal('ok');
    now += day;
    await proofBy(key);
    for (let junk = 0; junk < 5; junk++) expect(await proofBy(newKey), 'the budget is full').to.equal('mismatch');
    expect(await proofBy(newKey)).to.match(undecided);
  });

  it('fetches for a proof that fails a minute after the last one, not after the minute began', async () => {
    await proofBy(key);
    now += minute / 2;
    for (let junk = 0; junk < 5; junk++) expect(await proofBy(newKey)).to.equal('mismatch');
    now += minute - 1;
    expect(await proofBy(newKey)).to.match(undecided);
    now += minute / 2;
    expect(await proofBy(newKey)).to.equal('mismatch');
    expect(await proofBy(newKey)).to.match(undecided);
    now += minute / 2 + 1;
    expect(await proofBy(newKey), 'two minutes after the five').to.equal('mismatch');
  });

  function keyOf(exponent: number): OpensslKeyPair & PublicKey {
    const made = numberAsKey(2048, { exponent });
    return {
      publicKeyDer: made.export({ type: 'spki', format: 'der' }).toString('base64'),
      ...readPublicKey(made),
    } as never;
  }

  it('remembers at most 8 keys that are no longer listed, and checks a proof with each key once', async () => {
    const rotated = Array.from({ length: 12 }, (_, index) => keyOf(3 + 2 * index));
    for (const [index, one] of rotated.entries()) {
      now += hour;
      answer = [active(one), ...(index > 0 ? [revoked(rotated[index - 1] as OpensslKeyPair)] : [])];
      await proofBy(one);
    }
    now += hour;
    await proofBy(rotated.at(-1) as OpensslKeyPair);
    tried = [];
    expect(await proofBy(otherKey)).to.equal('mismatch');
    const [last = '', ...former] = rotated.map(({ keyId }) => keyId).reverse();
    expect(tried).to.deep.equal([last, last, ...former.slice(0, 9)]);
    expect(await proofBy(rotated[2] as OpensslKeyPair)).to.match(/revoked since/);
    expect(await proofBy(rotated[1] as OpensslKeyPair)).to.equal('mismatch');
  });

  it('never calls a callback forged for a long list of revoked keys', async () => {
    const old = Array.from({ length: 20 }, (_, index) => keyOf(3 + 2 * index));
    answer = [...old.map(revoked), ...old.map(revoked), active(key)];
    await proofBy(key);
    answer = [...old.map(revoked), active(newKey)];
    expect(await proofBy(newKey)).to.equal('ok');
    expect(await proofBy(key), 'no longer listed').to.match(/revoked since/);
    answer = [...old.map(revoked), revoked(key), active(newKey)];
    now += hour;
    expect(await proofBy(key), 'the last one of the list').to.match(/revoked since/);
    expect(await proofBy(old.at(-1) as OpensslKeyPair)).to.match(/revoked since/);
    tried = [];
    now += hour;
    expect(await proofBy(otherKey)).to.equal('mismatch');
    expect(tried).to.have.length(2 + old.length);
  });

  it('takes a key that is no longer listed as revoked', async () => {
    await proofBy(key);
    answer = [active(newKey)];
    expect(await proofBy(newKey)).to.equal('ok');
    expect(await proofBy(key)).to.match(/revoked since/);
    answer = [active(key)];
    expect(await proofBy(key), 'unless it is listed again').to.equal('ok');
  });

  it('notices a rotation at once, and refuses the old key without calling it forged', async () => {
    await proofBy(key);
    answer = [revoked(key), active(newKey)];
    expect(await proofBy(newKey)).to.equal('ok');
    expect(fetches).to.equal(2);
    expect(await proofBy(key)).to.match(/revoked since/);
    expect(await proofBy(otherKey)).to.equal('mismatch');
  });

  it('notices a rotation within a minute while forgeries arrive all the time', async () => {
    await proofBy(key);
    for (let junk = 0; junk < 10; junk++) await proofBy(otherKey);
    answer = [active(newKey)];
    expect(await proofBy(newKey)).to.match(undecided);
    now += minute;
    await proofBy(otherKey);
    expect(await proofBy(newKey)).to.equal('ok');
  });

  it('does not decide by a fetch that began before the callback arrived', async () => {
    const answers: Array<(text: string) => void> = [];
    const source = fetched(() => new Promise((resolve) => answers.push(resolve)));
    const [before, after] = [JSON.stringify([active(key)]), JSON.stringify([active(newKey)])];
    const first = proofBy(key, source);
    // The callback arrives after a rotation, while an answer from before the rotation is still on its way.
    const genuine = proofBy(newKey, source);
    answers[0]?.(before);
    expect(await first).to.equal('ok');
    await new Promise(setImmediate);
    answers[1]?.(after);
    expect(await genuine).to.equal('ok');
    expect(fetches).to.equal(2);
  });

  it('keeps known keys when a fetch brings no usable one', async () => {
    await proofBy(key);
    const useless = [[], [{ value: 'junk', status: 'Active' }], [active(opensslRsaKey(1024)), active(opensslEcKey())]];
    for (const list of useless) {
      now += hour;
      answer = list;
      expect(await proofBy(key), JSON.stringify(list).slice(0, 50)).to.equal('ok');
      expect(await proofBy(newKey)).to.match(/reached, but it lists no usable key/);
    }
    now += day;
    expect(await proofBy(key), 'for a day at most').to.match(/no usable key/);
  });

  it('drops known keys that a fetch without a usable key lists as revoked', async () => {
    await proofBy(key);
    now += hour;
    answer = [revoked(key)];
    expect(await proofBy(key)).to.match(/no usable key/);
    expect(keys.status()).to.deep.include({ usable: false, fresh: false });
    answer = [active(newKey)];
    expect(await proofBy(newKey)).to.equal('ok');
  });

  it('has no fresh keys when the only one is revoked within the hour', async () => {
    await proofBy(key);
    answer = [revoked(key)];
    expect(await proofBy(newKey)).to.match(/no usable key/);
    expect(keys.status()).to.deep.include({ usable: false, fresh: false });
  });

  it('uses known keys for a day while no fetch succeeds', async () => {
    await proofBy(key);
    answer = down;
    now += hour;
    expect(await proofBy(key)).to.equal('ok');
    expect(await proofBy(newKey)).to.equal(down.message);
    now += day - hour - 1;
    expect(await proofBy(key)).to.equal('ok');
    now += 1;
    expect(await proofBy(key)).to.equal(down.message);
    answer = [active(key)];
    now += minute;
    expect(await proofBy(key)).to.equal('ok');
  });

  it('waits longer between fetches that fail, up to a minute', async () => {
    answer = down;
    const askedAt: number[] = [];
    const start = now;
    for (let asked = 0; now - start < 6 * minute; now += second / 2) {
      expect(await proofBy(key)).to.equal(down.message);
      if (fetches > asked) askedAt.push((now - start) / second);
      asked = fetches;
    }
    const waits = askedAt.slice(1).map((at, index) => at - (askedAt[index] as number));
    expect(waits).to.deep.equal([0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    answer = [active(key)];
    now += minute;
    expect(await proofBy(key)).to.equal('ok');
  });

  it('decides nothing about a proof that fails while the keys cannot be renewed', async () => {
    await proofBy(key);
    answer = down;
    for (let tries = 0; tries < 4; tries++) expect(await proofBy(newKey)).to.equal(down.message);
    expect(problems, 'each failed fetch is reported').to.deep.equal([down.message, down.message]);
    expect(await proofBy(key)).to.equal('ok');
    answer = [active(newKey)];
    now += minute;
    expect(await proofBy(newKey)).to.equal('ok');
  });

  it('ignores entries that are no usable keys', async () => {
    answer = [
      ...[{ value: 'junk', status: 'Active' }, { value: 7, status: 'Active' }, null, 'key', 7, []],
      ...[active(opensslEcKey()), active(opensslRsaKey(1024)), { value: key.privateKeyPem, status: 'Active' }],
      active(key),
    ];
    expect(await proofBy(key)).to.equal('ok');
  });

  it('reads names and statuses in any letter case, and only Active ones', async () => {
    for (const [entry, result] of [
      [{ Value: key.publicKeyDer, Status: 'Active' }, 'ok'],
      [{ VALUE: key.publicKeyDer, STATUS: 'ACTIVE' }, 'ok'],
      [{ value: key.publicKeyDer, status: 'active' }, 'ok'],
      [{ value: key.publicKeyDer, status: 1 }, undefined],
      [{ value: key.publicKeyDer }, undefined],
      [{ value: key.publicKeyDer, status: 'Inactive' }, undefined],
    ] as const) {
      answer = [entry];
      const read = await proofBy(
        key,
        fetched(async () => JSON.stringify(answer)),
      );
      if (result === 'ok') expect(read, JSON.stringify(entry).slice(-60)).to.equal('ok');
      else expect(read).to.match(/no usable key with the status Active/);
    }
    answer = [active(key), revoked(key), active(newKey)];
    expect(await proofBy(key), 'listed as active and as revoked').to.match(/revoked/);
  });

  for (const [what, text, problem] of [
    ['HTML', '<html></html>', /not understood: it is not JSON/],
    ['an empty text', '', /not understood: it is not JSON/],
    ['JSON cut short', '[{"value":"', /not understood: it is not JSON/],
    ['null', 'null', /not understood: it is not a list/],
    ['an object', '{"0":{},"length":1}', /not understood: it is not a list/],
    ['a string', '"Active"', /not understood: it is not a list/],
  ] as const) {
    it(`says that ${what} was reached, but not understood`, async () => {
      answer = text;
      expect(await proofBy(key)).to.match(problem);
      answer = [active(key)];
      expect(await proofBy(key)).to.equal('ok');
    });
  }

  it('fetches newer keys although the date is set back', async () => {
    const source = new FetchedPublicKeys(async () => JSON.stringify(answer));
    const original = Date.now;
    try {
      expect(await proofBy(key, source)).to.equal('ok');
      Date.now = () => original() - day;
      answer = [active(newKey)];
      expect(await proofBy(newKey, source)).to.equal('ok');
    } finally {
      Date.now = original;
    }
  });

  it('settles when no fetch is in flight', async () => {
    let answerNow: ((text: string) => void) | undefined;
    const source = fetched(
      () =>
        new Promise((resolve) => {
          answerNow = resolve;
        }),
    );
    const result = proofBy(key, source);
    let isSettled = false;
    const settling = source.settled().then(() => {
      isSettled = true;
    });
    await new Promise(setImmediate);
    expect(isSettled).to.equal(false);
    answerNow?.(JSON.stringify([active(key)]));
    await settling;
    expect(await result).to.equal('ok');
  });

  it('never rejects, whatever the fetch throws', async () => {
    for (const [fails, problem] of [
      [() => Promise.reject(undefined), 'the public keys could not be fetched'],
      [() => Promise.reject(new TypeError('no network')), 'no network'],
    ] as const) {
      const source = fetched(fails);
      expect(await proofBy(key, source)).to.equal(problem);
      await source.settled();
    }
  });

  it('never calls a genuine callback forged, for any order of forgeries, rotations and outages', async function () {
    this.timeout(60_000);
    const pairs = [merchantKey(), opensslRsaKey(), opensslRsaKey(), opensslRsaKey()];
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.constant('junk' as const) },
      { weight: 4, arbitrary: fc.constant('genuine' as const) },
      { weight: 2, arbitrary: fc.constantFrom('rotate' as const, 'outage' as const, 'useless' as const) },
      { weight: 3, arbitrary: fc.constantFrom(1, second, minute, hour, day) },
    );
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(step, { maxLength: 60 }), async (scheduler, steps) => {
        let signing = 0;
        let trouble: 'outage' | 'useless' | undefined;
        // The gateway reads its list at some time between the request and the reply, and revokes the former keys.
        const source = fetched(async () => {
          await scheduler.schedule(Promise.resolve());
          if (trouble === 'outage') throw down;
          const list = pairs.slice(0, signing + 1).map((pair, index) => (index < signing ? revoked : active)(pair));
          const text = JSON.stringify(trouble === 'useless' ? [] : list);
          await scheduler.schedule(Promise.resolve());
          return text;
        });
        const signedNow = () => proofBy(pairs[signing] as OpensslKeyPair, source);
        const genuine: Promise<string>[] = [];
        const forged: Promise<string>[] = [];
        for (const one of steps) {
          if (one === 'junk') forged.push(proofBy(otherKey, source));
          else if (one === 'genuine') genuine.push(signedNow());
          else if (one === 'rotate') signing = Math.min(signing + 1, pairs.length - 1);
          else if (typeof one === 'number') now += one;
          else trouble = trouble === one ? undefined : one;
          if (scheduler.count() > 0 && steps.length % 2 === 0) await scheduler.waitOne();
        }
        await scheduler.waitFor(Promise.all([...genuine, ...forged]));
        for (const result of await Promise.all(genuine)) expect(result).to.not.equal('mismatch');
        for (const result of await Promise.all(forged)) expect(result).to.not.equal('ok');
        // After an outage has ended, a genuine callback is accepted within two minutes.
        trouble = undefined;
        now += 2 * minute;
        expect(await scheduler.waitFor(signedNow())).to.equal('ok');
      }),
      { numRuns: 300 },
    );
  });
});
