import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { RecentKeys } from '../../src/repository/kysely/recent-keys.js';

describe('RecentKeys', () => {
  it('knows at least as many keys as asked for, and at most twice as many', () => {
    const keys = new RecentKeys(3);
    const all = Array.from({ length: 20 }, (_, index) => `key-${index}`);
    for (const [index, key] of all.entries()) {
      keys.add(key);
      const known = all.slice(0, index + 1).filter((one) => keys.has(one));
      expect(known.slice(-3)).to.deep.equal(all.slice(Math.max(0, index - 2), index + 1));
      expect(known).to.have.length.at.most(6);
    }
  });

  it('does not keep the texts that a key was cut out of', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const keys = new RecentKeys(2_000);
    const keyOf = (index: number) => {
      const form = Buffer.from(`txnid=TXN-${String(index).padStart(20, '0')}&${'x'.repeat(20_000)}`).toString();
      return `payment:${form.slice('txnid='.length, form.indexOf('&'))}:S`;
    };
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 2_000; index++) keys.add(keyOf(index));
    collect();
    // If the keys kept the forms of the callbacks, this would be 40 MB.
    expect(process.memoryUsage().heapUsed - before).to.be.below(5_000_000);
    expect(keys.has(keyOf(1_999))).to.equal(true);
  });
});
