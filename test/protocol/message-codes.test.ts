import { expect } from 'chai';
import { messageCode } from '../../src/protocol/message-codes.js';

describe('messageCode', () => {
  const cases: ReadonlyArray<[message: string, code: string | undefined]> = [
    ['[107] Transaction cancelled #ABCD1234', '107'],
    ['[000] BDO Paid', '000'],
    ['[000]', '000'],
    ['Payment [107] was cancelled', undefined],
    ['[999] Not in the list', undefined],
    ['[10] Too short', undefined],
    ['cancelled', undefined],
    ['', undefined],
  ];

  for (const [message, code] of cases) {
    it(`messageCode reads ${code ?? 'no code'} from "${message}"`, () => {
      expect(messageCode(message)).to.equal(code);
    });
  }
});
