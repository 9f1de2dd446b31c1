import { expect } from 'chai';
import fc from 'fast-check';
import { readAmount, withTwoDecimals, writeAmount } from '../../src/protocol/read-amount.js';

const grouped = (units: string, mark: string) => units.replace(/\B(?=(\d{3})+$)/g, mark);

/** Ways to write a number of whole units and two decimals. */
const notations: Readonly<Record<string, (units: string, decimals: string) => string>> = {
  plain: (units, decimals) => `${units}.${decimals}`,
  'with a comma': (units, decimals) => `${units},${decimals}`,
  'with more zeros': (units, decimals) => `000${units}.${decimals}000`,
  'with a sign and white space': (units, decimals) => ` \t+${units}.${decimals}\r\n`,
  'in groups': (units, decimals) => `${grouped(units, ',')}.${decimals}`,
  'in groups of points': (units, decimals) => `${grouped(units, '.')},${decimals}`,
  'in groups of spaces': (units, decimals) => `${grouped(units, '\u202f')}.${decimals}`,
  'in full width': (units, decimals) =>
    `${units}.${decimals}`.replace(/./g, (one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0)),
  'with an exponent': (units, decimals) => `0.0${units}${decimals}e+${units.length + 1}`,
  'with a capital exponent below zero': (units, decimals) => `${units}${decimals}E-2`,
  'with an exponent of many places': (units, decimals) => `${units}${decimals}0000E-06`,
};

describe('An amount', () => {
  for (const [what, write] of Object.entries(notations)) {
    it(`is the same number ${what}`, () => {
      const cents = fc.oneof(fc.nat({ max: 999_999 }), fc.integer({ min: 0, max: 999_999_999_999 }));
      fc.assert(
        fc.property(cents, (number) => {
          const [, units = '', decimals = ''] = /^(.+)(..)$/.exec(String(number).padStart(3, '0')) ?? [];
          expect(readAmount(write(units, decimals)), write(units, decimals)).to.equal(`${units}.${decimals}`);
        }),
        { numRuns: 100 },
      );
    });
  }

  it('may leave out zeros', () => {
    for (const [text, amount] of Object.entries({
      '.5': '0.50',
      '7.': '7.00',
      '5e1': '50.00',
      '1.2E9': '1200000000.00',
    })) {
      expect(readAmount(text)).to.equal(amount);
    }
  });

  it('has 64 characters at most, unless they are needed', () => {
    expect(readAmount(`7.${'0'.repeat(62)}`)).to.equal('7.00');
    expect(readAmount(`7.${'0'.repeat(63)}`)).to.equal(undefined);
  });

  it('could not be another number', () => {
    for (const text of [
      '1.500',
      '999.000',
      '１．５００',
      '1.500.000',
      '1,234.567,89',
      '1,50,000.00',
      '0,123.00',
      '1,234 567',
    ]) {
      expect(readAmount(text), text).to.equal(undefined);
    }
    for (const [text, amount] of [
      ['1.500e0', '1.50'],
      ['1000.500', '1000.50'],
      ['0.500', '0.50'],
    ] as const) {
      expect(readAmount(text), text).to.equal(amount);
    }
  });

  it('is at most 9999999999.99, with two decimals that are not zero', () => {
    expect(readAmount('9999999999.99')).to.equal('9999999999.99');
    for (const text of ['10000000000', '10000000000.00', '1e10', '0.001', '1.005', '1e-3', '15E-3', '1e-99', '1e99']) {
      expect(readAmount(text), text).to.equal(undefined);
    }
    expect(readAmount('0e99')).to.equal('0.00');
    expect(readAmount('0e-99')).to.equal('0.00');
  });

  it('has nothing in it but the number', () => {
    for (const text of [
      '1\n2',
      'x1',
      '1x',
      '1 PHP',
      'PHP 1',
      '-1',
      '--1',
      '+',
      '.',
      '',
      ' ',
      'e1',
      '1e',
      '1e+',
      '1e123',
      '1..0',
      '1.0.0',
    ]) {
      expect(readAmount(text), text).to.equal(undefined);
    }
  });

  it('is stored with two decimals', () => {
    for (const [amount, stored] of Object.entries({
      '100': '100.00',
      '100.5': '100.50',
      '100.50': '100.50',
      '0': '0.00',
    })) {
      expect(withTwoDecimals(amount)).to.equal(stored);
    }
  });

  it('is written in each format', () => {
    const formats = ['two-decimals', 'grouped', 'shortest', 'centavos', 'four-decimals'] as const;
    for (const [amount, ...expected] of [
      ['', '', '', '', '', ''],
      ['0.00', '0.00', '0.00', '0', '0', '0.0000'],
      ['0.05', '0.05', '0.05', '0.05', '5', '0.0500'],
      ['0.50', '0.50', '0.50', '0.5', '50', '0.5000'],
      ['100.00', '100.00', '100.00', '100', '10000', '100.0000'],
      ['1000.05', '1000.05', '1,000.05', '1000.05', '100005', '1000.0500'],
      ['1234567.80', '1234567.80', '1,234,567.80', '1234567.8', '123456780', '1234567.8000'],
    ] as const) {
      expect(
        formats.map((format) => writeAmount(amount, format)),
        amount,
      ).to.deep.equal(expected);
    }
  });
});
