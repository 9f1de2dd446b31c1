import { expect } from 'chai';
import fc from 'fast-check';
import { checkNames, checkSpelling, nearestName, unknownName } from '../../src/protocol/nearest-name.js';

/** The edit distance, computed by its definition. */
function distance(left: string, right: string): number {
  if (left === '' || right === '') return left.length + right.length;
  const [one, other] = [left.slice(1), right.slice(1)];
  if (left[0] === right[0]) return distance(one, other);
  return 1 + Math.min(distance(one, other), distance(left, other), distance(one, right));
}

const noObjects = [null, undefined, 'text', 7, [], ['a'], () => {}];

describe('The name that was probably meant', () => {
  it('is the first of the nearest names, at most two edits or a third of the length away', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'C', 'A'), maxLength: 6 });
    fc.assert(
      fc.property(name, fc.array(name, { maxLength: 4 }), (given, names) => {
        const distances = names.map((one) => distance(given.toLowerCase(), one.toLowerCase()));
        const least = Math.min(...distances);
        const expected = least <= 2 ? names[distances.indexOf(least)] : undefined;
        expect(nearestName(given, names)).to.equal(expected);
      }),
      { numRuns: 300 },
    );
    const twelve = 'abcdefghijkl';
    expect(nearestName(twelve, ['efghijkl'])).to.equal('efghijkl');
    expect(nearestName(twelve, ['fghijkl'])).to.equal(undefined);
    expect(nearestName('abcdefghijk', ['efghijk'])).to.equal(undefined);
  });

  it('is told with the problem', () => {
    expect(unknownName('feilds', ['amount', 'fields'])).to.equal('is unknown; did you mean fields?');
    expect(unknownName('feilds', ['amount'])).to.equal('is unknown');
  });
});

describe('Options', () => {
  const known = { amount: true, txnid: true } as const;
  const check = (options: unknown, subject?: string) => () => checkNames(options as object, known as never, subject);

  it('have known names only', () => {
    check({ amount: 1, txnid: undefined })();
    check({})();
    expect(check({ amount: 1, txnId: 1 }))
      .to.throw('txnId is unknown; did you mean txnid?')
      .that.includes({ code: 'invalid-setting', subject: 'txnId' });
    expect(check({ toString: 1 })).to.throw('toString is unknown');
  });

  it('are an object', () => {
    for (const none of noObjects) {
      expect(check(none)).to.throw('options must be an object').that.includes({ code: 'invalid-setting' });
      expect(check(none, 'keys')).to.throw('keys must be an object').that.includes({ subject: 'keys' });
    }
  });
});

describe('Details', () => {
  const check = (details: unknown, subject?: string) => () => checkSpelling(details as object, ['amount'], subject);

  it('have no misspelt name, but may have names of others', () => {
    check({ amount: 1, customer: 2 })();
    expect(check({ customer: 2, amuont: 1 }))
      .to.throw('amuont is unknown; did you mean amount?')
      .that.includes({ code: 'invalid-details', subject: 'amuont' });
  });

  it('are an object', () => {
    for (const none of noObjects) {
      expect(check(none)).to.throw('details must be an object').that.includes({ code: 'invalid-details' });
      expect(check(none, 'fields')).to.throw('fields must be an object').that.includes({ subject: 'fields' });
    }
  });
});
