import { expect } from 'chai';
import * as shapes from '../../src/protocol/field-shapes.js';

const { idShape, refnoShape, statusShape, merchantIdShape, amountShape, sentAmountShape, currencyShape, textShape } =
  shapes;

describe('The shape', () => {
  const printable = (longest: number): Readonly<Record<'holds' | 'malformed', readonly string[]>> => ({
    holds: ['a', ' ', '~', '9;', 'x'.repeat(longest)],
    malformed: ['', ':', 'a:b', '\u001f', '\u007f', 'a\n', 'ñ', 'x'.repeat(longest + 1)],
  });
  const decimals = {
    holds: ['0', '0.0', '0.00', '1', '10.5', '9999999999.99'],
    malformed: ['', '00', '01', '-1', '+1', '1.', '.5', '1.000', '10000000000', '1e3', ' 1', '1\n', '1,000'],
  };
  for (const [name, shape, required, { holds, malformed }] of [
    ['an id', idShape, true, printable(40)],
    ['a refno', refnoShape, true, printable(32)],
    ['a merchant id', merchantIdShape, false, printable(20)],
    [
      'a status',
      statusShape,
      true,
      { holds: ['A', 'Z', 'a', 'z'], malformed: ['', '@', '[', '`', '{', '1', 'SS', 'é', '\u0153', '\u212a'] },
    ],
    [
      'a currency',
      currencyShape,
      false,
      { holds: ['PHP', 'usd'], malformed: ['', 'PH', 'PHPP', 'P1P', 'PH:', '\u20b1HP'] },
    ],
    ['an amount', amountShape, false, decimals],
    [
      'an amount as sent',
      sentAmountShape,
      false,
      { holds: [...decimals.holds, '1,500.00', '1.5E3', '.5'], malformed: ['', '1.500', 'free', '-1'] },
    ],
    ['a text', textShape, false, { holds: ['', ':', 'Niño\u0000', 'x'.repeat(9999)], malformed: [] }],
  ] as const) {
    it(`of ${name} is a string, ${required ? 'required' : 'optional'}`, () => {
      expect(shape.required).to.equal(required);
      for (const value of holds) expect(shape.holds(value), value).to.equal(true);
      for (const value of malformed) expect(shape.holds(value), value).to.equal(false);
      for (const value of [undefined, null, 7, ['a'], ['a', 'b', 'c'], {}]) expect(shape.holds(value)).to.equal(false);
    });
  }
});
