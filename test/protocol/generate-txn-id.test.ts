import { expect } from 'chai';
import fc from 'fast-check';
import { generateTxnId, MemoryRepository, type TxnIdOptions } from '../../src/index.js';

describe('generateTxnId', () => {
  const made: Array<[options: TxnIdOptions | undefined, pattern: RegExp]> = [
    [undefined, /^[0-9A-HJKMNP-TV-Z]{20}$/],
    [{}, /^[0-9A-HJKMNP-TV-Z]{20}$/],
    [{ length: 16 }, /^[0-9A-HJKMNP-TV-Z]{16}$/],
    [{ length: 40 }, /^[0-9A-HJKMNP-TV-Z]{40}$/],
    [{ prefix: 'ORD-' }, /^ORD-[0-9A-HJKMNP-TV-Z]{16}$/],
    [{ prefix: 'OR' }, /^OR[0-9A-HJKMNP-TV-Z]{18}$/],
    // A longer prefix makes a longer id, rather than one that is easier to guess.
    [{ prefix: 'a'.repeat(24) }, /^a{24}[0-9A-HJKMNP-TV-Z]{16}$/],
    [{ prefix: 'shop/2026 #', length: 40 }, /^shop\/2026 #[0-9A-HJKMNP-TV-Z]{29}$/],
    [{ prefix: 'a'.repeat(24), length: 40 }, /^a+[0-9A-HJKMNP-TV-Z]{16}$/],
  ];
  for (const [options, pattern] of made) {
    it(`returns ${pattern} for ${JSON.stringify(options) ?? 'no options'}`, () => {
      for (let count = 0; count < 50; count++) expect(generateTxnId(options)).to.match(pattern);
    });
  }

  const refused: Array<[options: TxnIdOptions, subject: string]> = [
    [{ length: 15 }, 'length'],
    [{ length: 0 }, 'length'],
    [{ length: -20 }, 'length'],
    [{ length: 41 }, 'length'],
    [{ length: 20.5 }, 'length'],
    [{ length: Number.NaN }, 'length'],
    [{ length: Number.POSITIVE_INFINITY }, 'length'],
    [{ length: '20' as unknown as number }, 'length'],
    [{ prefix: 'ORD-1', length: 20 }, 'length'],
    [{ prefix: 'a'.repeat(25) }, 'length'],
    [{ prefix: 'a'.repeat(25), length: 40 }, 'length'],
    [{ prefix: 'a:' }, 'prefix'],
    [{ prefix: 'ñ' }, 'prefix'],
    [{ prefix: 'a\n' }, 'prefix'],
    [{ prefix: '\x7f' }, 'prefix'],
  ];
  const problems = [
    'must be an integer up to 40',
    'must leave at least 16 random characters',
    'must be printable ASCII without ":"',
  ];
  for (const [options, subject] of refused) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => generateTxnId(options))
        .to.throw()
        .that.includes({ code: 'invalid-details', subject })
        .and.has.property('message')
        .that.is.oneOf(problems.map((problem) => `${subject} ${problem}`));
    });
  }

  it('never makes the same one twice, and uses every letter everywhere', () => {
    const ids = Array.from({ length: 2000 }, () => generateTxnId());
    expect(new Set(ids).size).to.equal(ids.length);
    for (let position = 0; position < 20; position++) {
      expect(new Set(ids.map((id) => id[position])).size, `position ${position}`).to.equal(32);
    }
  });

  it('makes ids that a repository takes, whatever the prefix', async () => {
    const repository = new MemoryRepository();
    const prefixes = fc.string({ unit: 'grapheme-ascii', maxLength: 24 }).filter((prefix) => !prefix.includes(':'));
    await fc.assert(
      fc.asyncProperty(prefixes, async (prefix) => {
        const txnid = generateTxnId({ prefix, length: 40 });
        expect(txnid).to.have.length(40);
        expect((await repository.createPayment({ txnid, amount: '1' })).txnid).to.equal(txnid);
      }),
    );
  });
});
