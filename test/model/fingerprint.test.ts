import { expect } from 'chai';
import { isSameEvent, moreExactFingerprint } from '../../src/index.js';
import { fingerprintOf, isFingerprint, unknownFingerprint } from '../../src/model/fingerprint.js';

const rsa = fingerprintOf({ message: 'Paid', amount: '100.00', others: 'param1=x\n' });
const hmac = fingerprintOf({ message: 'Paid', amount: '100.00', others: undefined });
const sha1 = fingerprintOf({ message: 'Paid', amount: undefined, others: undefined });
const less = fingerprintOf({ message: 'Paid', amount: '50.00', others: undefined });

describe('The fingerprint of an event', () => {
  it('is the same for ever, because inboxes hold it', () => {
    expect(rsa).to.equal('dc9d4584ed87a5dfc311d0e1');
  });

  it('is of one event with a proof that covers less, and not with another value', () => {
    for (const [one, other] of [
      [rsa, hmac],
      [rsa, sha1],
      [hmac, sha1],
      [unknownFingerprint, less],
    ] as const) {
      expect([isSameEvent(one, other), isSameEvent(other, one)]).to.deep.equal([true, true]);
    }
    for (const one of [rsa, hmac])
      expect([isSameEvent(one, less), isSameEvent(less, one)]).to.deep.equal([false, false]);
  });

  it('becomes the more exact one', () => {
    expect(moreExactFingerprint(sha1, rsa)).to.equal(rsa);
    expect(moreExactFingerprint(rsa, sha1)).to.equal(rsa);
    expect(moreExactFingerprint(unknownFingerprint, sha1)).to.equal(sha1);
  });

  it('is told from other texts', () => {
    expect([rsa, hmac, sha1, unknownFingerprint].every(isFingerprint)).to.equal(true);
    for (const none of ['', '1', 'x'.repeat(24), rsa.toUpperCase(), `${rsa}0`])
      expect(isFingerprint(none)).to.equal(false);
  });
});
