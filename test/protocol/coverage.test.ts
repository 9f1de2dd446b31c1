import { expect } from 'chai';
import { type CheckedCallback, hintFields, noFields, toChecked } from '../../src/protocol/fields.js';
import { coverageOf, dragonpayWire, type SignedText } from '../../src/protocol/signed-text.js';

const certain = { merchantid: 'ACME', param1: 'p', param2: 'q', amount: '1.00' };

function callbackWith(fields: Readonly<Record<string, string>>): CheckedCallback {
  return toChecked('payment', { ...noFields, txnid: 'T', refno: 'R', status: 'S', ...certain, ...fields });
}

const usual = ['txnid', 'refno', 'status', 'message', 'merchantid', 'param1', 'param2', 'amount'] as const;
const deciding = ['txnid', 'refno', 'status'] as const;
const rsa = dragonpayWire.payment.rsa;
const reading = (fields: SignedText['fields'], parts: Partial<SignedText> = {}) => ({ ...rsa, fields, ...parts });
const all = ['merchantid', 'param1', 'param2', 'amount'];
const shifted: string[] = [];

/**
 * A reading, the fields that differ from the usual ones, the optional fields that are certain, and the certain part of
 * the message.
 */
const lines: ReadonlyArray<
  readonly [
    what: string,
    reading: SignedText | 'all',
    fields: Record<string, string>,
    covered: string[],
    message: string,
  ]
> = [
  ['nothing with a colon', rsa, { message: 'm' }, all, 'm'],
  ['a colon in the message only', rsa, { message: 'a:b', param1: '', param2: '' }, all, 'a:b'],
  ['no parameters', rsa, { message: 'm', param1: '', param2: '' }, all, 'm'],
  ['another merchant id in the message', rsa, { message: 'a:ACM:b' }, all, 'a:ACM:b'],
  ['the merchant id in the message', rsa, { message: 'a:b:ACME:c' }, ['merchantid', 'amount'], 'a:b'],
  ['the merchant id as the message', rsa, { message: 'ACME', param2: 'x:y' }, ['merchantid', 'amount'], ''],
  ['the merchant id as all of the message', rsa, { message: 'ACME' }, all, 'ACME'],
  ['the merchant id first in the message', rsa, { message: 'ACME:x' }, ['merchantid', 'amount'], ''],
  ['a colon in the first parameter', rsa, { message: 'm', param1: 'x:y' }, ['merchantid', 'amount'], 'm'],
  ['a colon in the second parameter', rsa, { message: 'm:n', param2: 'x:y' }, ['merchantid', 'amount'], 'm:n'],
  ['no merchant id between', reading([...deciding, 'message', 'param1']), { message: 'm', param1: 'x:y' }, [], ''],
  [
    'a parameter before the message',
    reading(['param1', 'message', 'merchantid', ...deciding]),
    { message: 'm', param1: 'x:y' },
    ['merchantid'],
    '',
  ],
  [
    'a parameter between the id and the message',
    reading(['txnid', 'param1', 'message', 'merchantid', 'refno', 'status']),
    { message: 'm', param1: 'x:y' },
    ['merchantid'],
    '',
  ],
  ['one free text', reading([...deciding, 'message', 'amount']), { message: 'a:b', param1: 'x:y' }, ['amount'], 'a:b'],
  ['no message', reading([...deciding, 'param1']), { message: 'a:b', param1: 'x:y' }, ['param1'], ''],
  ['the word of the gateway', 'all', { message: 'a:ACME:b', param1: 'x:y', ccy: 'PHP' }, all, 'a:ACME:b'],
  ['a bar, and a colon', reading(usual, { separator: '|' }), { message: 'a:b' }, all, 'a:b'],
  ['a bar in two texts', reading(usual, { separator: '|' }), { message: 'a|b' }, ['merchantid', 'amount'], ''],
  ['a bar in the last text', reading(usual, { separator: '|' }), { param2: '|' }, ['merchantid', 'amount'], ''],
  ['a part of the separator', reading(usual, { separator: ', ' }), { message: 'a b' }, ['merchantid', 'amount'], ''],
  ['spaces, and no parameters', reading(usual, { separator: ' ' }), { message: 'm', param1: '', param2: '' }, all, 'm'],
  [
    'a bar in one text',
    reading([...deciding, 'message', 'amount'], { separator: '|' }),
    { message: 'a|b', param1: '|' },
    ['amount'],
    'a|b',
  ],
  ['spaces that are trimmed', reading(usual, { values: 'trimmed' }), { message: ' m' }, ['merchantid', 'amount'], ''],
  ['nothing to trim', reading(usual, { values: 'trimmed' }), { message: 'm' }, all, 'm'],
  [
    'escapes decoded again',
    reading(usual, { values: 'decoded-twice' }),
    { param1: '%41' },
    ['merchantid', 'amount'],
    '',
  ],
  ['nothing to decode', reading(usual, { values: 'decoded-twice' }), { message: 'm' }, all, 'm'],
  ['encoded values', reading(usual, { values: 'encoded' }), { message: ' %41' }, all, ' %41'],
  ['fields left out', reading(usual, { empty: 'left-out' }), { message: 'm', param2: '' }, shifted, ''],
  ['no message, left out', reading(usual, { empty: 'left-out' }), {}, shifted, ''],
  ['nothing left out', reading(usual, { empty: 'left-out' }), { message: 'm' }, all, 'm'],
  ['pairs left out', reading(usual, { empty: 'left-out', pairs: true }), { message: 'm', param2: '' }, all, 'm'],
  ['pairs', reading(usual, { pairs: true }), { message: 'm', param2: '' }, all, 'm'],
  ['another amount', reading(usual, { amount: 'centavos' }), { message: 'm' }, all, 'm'],
  ['a hint', reading([...usual, 'ccy']), { message: 'm', ccy: 'PHP' }, [...all, 'ccy'], 'm'],
  ['a colon and a hint', reading([...usual, 'ccy']), { message: 'm:n' }, ['merchantid', 'amount', 'ccy'], ''],
  ['another field', reading([...deciding, 'other:x', 'message', 'param1']), { message: 'a:b' }, [], ''],
];

describe('The coverage of a proof', () => {
  for (const [what, reading, fields, covered, message] of lines) {
    it(`with ${what}: ${covered.join(', ') || 'nothing'}, and ${JSON.stringify(message)}`, () => {
      const coverage = coverageOf(reading === 'all' ? reading : { ...reading }, callbackWith(fields), 'ACME');
      const uncovered = [...all, ...hintFields].filter((field) => !covered.includes(field));
      expect(coverage.message).to.equal(message);
      expect([...coverage.covered].sort()).to.deep.equal([...covered].sort());
      expect([...coverage.uncovered].sort()).to.deep.equal(uncovered.sort());
    });
  }
});
