import { expect } from 'chai';
import { encodedValues } from '../../src/reading/encoded-values.js';

describe('Values as they are encoded', () => {
  it('are found by the names of fields in any letter case, and the form is read once', () => {
    let count = 0;
    const find = encodedValues(() => {
      count++;
      return 'TxnId=%41&m%45ssage=a+b&%FF=%42&refno';
    });
    expect(count).to.equal(0);
    expect(find('txnid')).to.equal('%41');
    expect(find('message')).to.equal('a+b');
    expect(find('other:%ff')).to.equal('%42');
    expect(find('refno')).to.equal('');
    expect(find('status')).to.equal(undefined);
    expect(count).to.equal(1);
  });
});
