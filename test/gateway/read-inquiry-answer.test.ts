import { expect } from 'chai';
import { readAnswer } from '../../src/gateway/read-inquiry-answer.js';

const usual =
  '{"RefNo":"R1","MerchantId":"ACME","TxnId":"T-1","Amount":1500.0,"Currency":"PHP","Status":"S","ProcMsg":"Paid"}';

describe('The answer to an inquiry', () => {
  const amounts: Readonly<Record<string, string | undefined>> = {
    '1500.0': '1500.00',
    '1500': '1500.00',
    '100.000': '100.00',
    '1.5000': '1.50',
    '1.5E3': '1500.00',
    '"1,500.00"': '1500.00',
    '"1500.0000"': '1500.00',
    null: undefined,
  };
  for (const [written, amount] of Object.entries(amounts)) {
    it(`has the amount ${amount ?? 'of none'} for ${written}`, () => {
      expect(readAnswer(usual.replace('1500.0', written)).callback.amount).to.equal(amount);
    });
  }

  for (const written of ['1.234', '"1.500"', '-1.00', '"a lot"']) {
    it(`is refused with the amount ${written}`, () => {
      expect(() => readAnswer(usual.replace('1500.0', written))).to.throw('malformed: amount');
    });
  }

  it('may be the only one of a list', () => {
    expect(readAnswer(`[${usual}]`).callback.txnid).to.equal('T-1');
    for (const list of ['[]', `[${usual},${usual}]`, '[null]', `[[${usual}]]`]) {
      expect(() => readAnswer(list), list).to.throw('is not a JSON object');
    }
  });

  it('has names in any letter case, and ids as numbers', () => {
    const folded = usual.replace(/"\w+":/g, (name) => name.toLowerCase()).replace('"R1"', '12345678901234567890');
    expect(readAnswer(folded).callback).to.include({ txnid: 'T-1', refno: '12345678901234567890', status: 'S' });
  });
});
