import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { FetchedPublicKeys } from '../../src/verification/fetched-public-keys.js';
import type { ProofChecked } from '../../src/verification/proof-verifier.js';
import { type PublicKey, readPublicKey } from '../../src/verification/public-keys.js';

const second = 1000;
const minute = 60 * second;

const generations = Array.from({ length: 4 }, () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const value = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  return { value, keyId: readPublicKey(value).keyId };
});

/** A gateway that signs with its newest key. */
class RotatingGateway {
  generation = 0;
  /** Whether a rotation revokes the key before it. */
  revokes = true;
  requests = 0;
  isDown = false;

  list(): Array<{ value: string; status: string }> {
    this.requests++;
    if (this.isDown) throw new Error('down');
    return generations
      .slice(0, this.generation + 1)
      .map(({ value }, index) => ({ value, status: this.revokes && index < this.generation ? 'Revoked' : 'Active' }));
  }

  rotate(): void {
    this.generation = Math.min(this.generation + 1, generations.length - 1);
  }

  /** The predicate of a genuine callback that Dragonpay signs now. */
  signNow(): (key: PublicKey) => boolean {
    const keyId = generations[this.generation]?.keyId;
    return (key) => key.keyId === keyId;
  }
}

const junk = () => false;
const reasonOf = (checked: ProofChecked) => (checked.ok ? 'ok' : checked.reason);

describe('A key rotation', () => {
  let now: number;
  let gateway: RotatingGateway;
  let keys: FetchedPublicKeys;
  beforeEach(() => {
    now = 0;
    gateway = new RotatingGateway();
    keys = new FetchedPublicKeys(
      async () => gateway.list(),
      () => now,
    );
  });
  const check = async (holds: (key: PublicKey) => boolean) => reasonOf(await keys.firstThatVerifies(holds));

  it('is seen by the next callback, although a forgery caused a fetch just before it', async () => {
    expect(await check(gateway.signNow())).to.equal('ok');
    now += 10 * minute;
    expect(await check(junk)).to.equal('mismatch');
    gateway.rotate();
    now += second;
    expect(await check(gateway.signNow())).to.equal('ok');
  });

  it('is seen within a minute, and costs a 503 at most, while forgeries use up the fetches', async () => {
    expect(await check(gateway.signNow())).to.equal('ok');
    for (let sent = 0; sent < 100; sent++) {
      now += 1;
      await check(junk);
    }
    expect(gateway.requests).to.equal(6);
    expect(await check(junk), 'no forgery is proven by keys that are older').to.equal('keys-unavailable');
    gateway.rotate();
    now += 1;
    expect(await check(gateway.signNow())).to.equal('keys-unavailable');
    now += minute;
    expect(await check(gateway.signNow())).to.equal('ok');
    expect(gateway.requests).to.equal(7);
  });

  it('is seen by a callback that joined a fetch which was answered before it', async () => {
    const answers: Array<() => void> = [];
    const lists: unknown[] = [];
    keys = new FetchedPublicKeys(
      () => {
        lists.push(gateway.list());
        return new Promise((resolve) => answers.push(() => resolve(lists.shift())));
      },
      () => now,
    );
    const first = keys.firstThatVerifies(gateway.signNow());
    gateway.rotate();
    now += 1;
    const joined = keys.firstThatVerifies(gateway.signNow());
    answers.shift()?.();
    expect(reasonOf(await first)).to.equal('ok');
    await new Promise(setImmediate);
    answers.shift()?.();
    expect(reasonOf(await joined)).to.equal('ok');
  });

  it('keeps a known key when a list has no usable key, unless the list revokes it', async () => {
    let answer: unknown = [{ value: generations[0]?.value, status: 'Active' }];
    keys = new FetchedPublicKeys(
      async () => answer,
      () => now,
    );
    const byFirst = ({ keyId }: PublicKey) => keyId === generations[0]?.keyId;
    expect(await check(byFirst)).to.equal('ok');
    for (const useless of [
      [],
      [{ value: generations[1]?.value, status: 'Revoked' }],
      [{ value: 'x', status: 'Active' }],
    ]) {
      answer = useless;
      now += 61 * minute;
      expect(await check(byFirst), JSON.stringify(useless)).to.equal('ok');
      expect(await check(junk), JSON.stringify(useless)).to.equal('keys-unavailable');
    }
    answer = [{ value: generations[0]?.value, status: 'Revoked' }];
    now += 61 * minute;
    expect(await check(byFirst)).to.equal('keys-unavailable');
  });

  it('reads names and statuses of either letter case', async () => {
    keys = new FetchedPublicKeys(
      async () => [{ Value: generations[0]?.value, STATUS: 'ACTIVE' }],
      () => now,
    );
    expect(await check(gateway.signNow())).to.equal('ok');
  });

  it('says whether the keys were not reached or not understood', async () => {
    gateway.isDown = true;
    expect(await keys.firstThatVerifies(junk))
      .to.have.property('problem')
      .that.includes('could not be fetched');
    keys = new FetchedPublicKeys(async () => ({ keys: [] }));
    expect(await keys.firstThatVerifies(junk))
      .to.have.property('problem')
      .that.includes('not understood');
  });

  it('never makes a genuine callback a forgery, whatever arrives and happens around it', async () => {
    const event = fc.oneof(
      { weight: 4, arbitrary: fc.constant('junk' as const) },
      { weight: 4, arbitrary: fc.constant('genuine' as const) },
      { weight: 1, arbitrary: fc.constant('rotate' as const) },
      { weight: 1, arbitrary: fc.constantFrom('down' as const, 'up' as const) },
      { weight: 3, arbitrary: fc.integer({ min: 1, max: 90 * minute }) },
      { weight: 3, arbitrary: fc.integer({ min: 1, max: second }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(event, { maxLength: 60 }), async (scheduler, events) => {
        const server = new RotatingGateway();
        // A callback that is under way during a rotation is signed by a key that stays active for a while.
        server.revokes = false;
        let clock = 0;
        // Dragonpay reads its list at some time between the request and the reply.
        const fetchKeyList = async () => {
          await scheduler.schedule(Promise.resolve());
          const list = server.list();
          await scheduler.schedule(Promise.resolve());
          return list;
        };
        const source = new FetchedPublicKeys(fetchKeyList, () => clock);
        const checks: Promise<unknown>[] = [];
        for (const one of events) {
          if (one === 'rotate') server.rotate();
          else if (one === 'down' || one === 'up') server.isDown = one === 'down';
          else if (one === 'junk') checks.push(source.firstThatVerifies(junk));
          else if (one === 'genuine') {
            checks.push(
              source
                .firstThatVerifies(server.signNow())
                .then((checked) => expect(reasonOf(checked)).not.to.equal('mismatch')),
            );
          } else clock += one;
          if (scheduler.count() > 0 && clock % 2 === 0) await scheduler.waitOne();
        }
        await scheduler.waitFor(Promise.all(checks));
      }),
      { numRuns: 300 },
    );
  });
});
