import { createRequire } from 'node:module';
import { parse } from 'node:querystring';
import { expect } from 'chai';
import type { DragonpaySettings } from '../../src/index.js';
import type { CallbackRequest } from '../../src/model/callback-request.js';
import { readAmount } from '../../src/protocol/read-amount.js';
import { readFields, readForm } from '../../src/reading/read-fields.js';
import { verifyFields } from '../../src/verification/verify-fields.js';
import { makeRequest, postForm } from '../support/callback-request.js';
import { policyOf, wordFor } from '../support/judge.js';
import { accepting, prove } from '../support/proofs.js';

// The parser of express.urlencoded.
const qs: { parse(form: string): object } = createRequire(createRequire(import.meta.url).resolve('body-parser'))('qs');

const limits = { bodyBytes: 16_384, queryBytes: 8_192, fields: 64 };
const kinds = new Set(['payment', 'payout'] as const);

type Wire = NonNullable<DragonpaySettings['wire']>;

async function verdictOf(request: CallbackRequest, algorithm: 'rsa' | 'hmac' | 'sha1', wire?: Wire) {
  const read = await readFields(request, limits);
  if (!read.ok) throw new Error(read.code);
  return verifyFields(read, 'POST', kinds, policyOf({ ...accepting(algorithm), ...(wire && { wire }) }));
}

/** The same form as bytes, and as the output of a body parser. */
function everyServer(form: string): CallbackRequest[] {
  return [postForm(Buffer.from(form).toString('latin1')), ...parsers.map((parse) => parsedBy(parse, form))];
}

const parsers = [
  (form: string) => new URLSearchParams(form),
  (form: string) => Object.entries(parse(form) as object),
  (form: string) => Object.entries(qs.parse(form)),
];

function parsedBy(parse: (typeof parsers)[number], form: string): CallbackRequest {
  return makeRequest({ body: { kind: 'fields', fields: parse(form) } });
}

const digest = new URLSearchParams(prove('sha1', 'T-1:R1:S:100% off')).toString();
const plain = 'txnid=T-1&refno=R1&status=S&message=100%25+off';

const sign = (message: string) => new URLSearchParams(prove('sha1', `T-1:R1:S:${message}`)).toString();
const lineEnd = sign('a\r\n');
const escapes = `txnid=T-1&refno=R1&status=S&${sign('100% %41')}`;
const letter = `txnid=T-1&refno=R1&status=S&${sign('100% A')}`;

/**
 * No payment may be lost because of a fault in a field that no proof covers, or a fault that can be repaired without
 * loss.
 */
const accepted: Array<[what: string, form: string, amount: string | undefined]> = [
  ['a grouped amount', `${plain}&amount=1%2c500.00&${digest}`, '1500.00'],
  ['an amount with more zeros', `${plain}&amount=1500.0000&${digest}`, '1500.00'],
  ['an amount with the currency in it', `${plain}&amount=PHP+1500.00&${digest}`, undefined],
  ['a currency that is not three letters', `${plain}&amount=1500&ccy=PESO&${digest}`, '1500.00'],
  ['a percent sign that was not escaped', `${plain.replace('%25', '%')}&${digest}`, undefined],
  ['a byte order mark in front', `\ufeff${plain}&${digest}`, undefined],
  ['line ends in front', `\r\n\n${plain}&${digest}`, undefined],
  ['a byte order mark and a line end in front', `\ufeff\r\n${plain}&${digest}`, undefined],
  ['an escaped line end in front', `%0D%0a${plain}&${digest}`, undefined],
  ['a line end behind the proof', `${plain}&${digest}\r\n`, undefined],
  ['a line end behind a signed field', `${digest}&${plain}\r\n`, undefined],
  ['a line end behind a hint', `${plain}&${digest}&amount=1500\r\n`, '1500.00'],
  ['an escaped line end at the end', `${lineEnd}&txnid=T-1&refno=R1&status=S&message=a%0d%0a`, undefined],
  ['an escaped percent sign before one more', `${escapes}&message=100%25+%2541`, undefined],
  ['a stray percent sign before an escape', `${letter}&message=100%+%41`, undefined],
  ['a parameter that is not UTF-8', `${plain}&param1=%ff&${digest}`, undefined],
  ['a proof of another kind that is not UTF-8', `${plain}&signature=%ff&${digest}`, undefined],
];

describe('Reading without loss', () => {
  for (const [what, form, amount] of accepted) {
    it(`accepts ${what}, with one verdict on every server`, async () => {
      for (const request of everyServer(form)) {
        const verdict = await verdictOf(request, 'sha1');
        expect(wordFor(verdict)).to.equal('ok');
        if (verdict.ok) expect(verdict.callback.amount).to.equal(amount);
      }
    });
  }

  it('keeps the form of the reading that was verified, so that it can be replayed', async () => {
    for (const [form, message] of [
      [`${escapes}&message=100%25+%2541`, '100% %41'],
      [`${letter}&message=100%+%41`, '100% A'],
      [`${lineEnd}&txnid=T-1&refno=R1&status=S&message=a%0d%0a`, 'a\r\n'],
    ] as const) {
      for (const request of everyServer(form)) {
        const verdict = await verdictOf(request, 'sha1');
        if (!verdict.ok) throw new Error(wordFor(verdict));
        expect(verdict.callback.data.message).to.equal(message);
        expect(readForm(verdict.callback.raw(), 64)?.known.message).to.equal(message);
      }
    }
  });

  it('says that a parser decoded values that are signed encoded', async () => {
    const wire: Wire = { payment: { sha1: { values: 'encoded' } } };
    const proof = new URLSearchParams(prove('sha1', 'T-1:R1:S:100%25+off')).toString();
    const [bytes, ...parsed] = everyServer(`${plain}&${proof}`);
    expect(wordFor(await verdictOf(bytes as CallbackRequest, 'sha1', wire))).to.equal('ok');
    for (const request of parsed) {
      expect(wordFor(await verdictOf(request, 'sha1', wire))).to.equal('altered-by-parser');
    }
  });

  it('refuses an unreadable field only if the reading that holds covers it', async () => {
    const fields = ['txnid', 'refno', 'status', 'message'] as const;
    const over = (text: string) => new URLSearchParams(prove('hmac', text)).toString();
    const form = `txnid=T-1&refno=R1&status=S&message=&amount=much&param1=%ff`;
    const word = async (wire: Wire, proof: string) =>
      wordFor(await verdictOf(postForm(`${form}&${proof}`), 'hmac', wire));
    const also = { payment: { hmac: { also: [{ fields }] } } };
    expect(await word(also, over('T-1:R1:S:'))).to.equal('ok');
    expect(await word(also, over('T-1:R1:S::'))).to.equal('malformed-field');
    const inOther: Wire = { payment: { hmac: { fields, also: [{ fields: [...fields, 'param1'] }] } } };
    expect(await word(inOther, over('T-1:R1:S:'))).to.equal('ok');
    expect(await word(inOther, over('T-1:R1:S::x'))).to.equal('invalid-utf8');
  });

  it('leaves unreadable hints out of the data', async () => {
    const verdict = await verdictOf(postForm(`${plain}&ccy=PESO&amount=much&procid=BPI&${digest}`), 'sha1');
    if (!verdict.ok) throw new Error(wordFor(verdict));
    expect(verdict.callback.unsigned).to.deep.equal({ procid: 'BPI' });
    expect(verdict.callback.currency).to.equal(undefined);
  });

  it('refuses an unreadable field that the proof covers', async () => {
    const proof = new URLSearchParams(prove('hmac', 'T-1:R1:S::much')).toString();
    const verdict = await verdictOf(postForm(`txnid=T-1&refno=R1&status=S&amount=much&${proof}`), 'hmac');
    expect(wordFor(verdict)).to.equal('malformed-field');
  });

  it('accepts signed amounts over the same number with two decimals', async () => {
    for (const algorithm of ['hmac', 'rsa'] as const) {
      const text = algorithm === 'hmac' ? 'T-1:R1:S::1500.00' : 'T-1:R1:S::ACME:::1500.00';
      const proof = new URLSearchParams(prove(algorithm, text)).toString();
      for (const amount of ['1%2c500.00', '1500', '+1500.0', '1.5E3', '1.500%2c00']) {
        const verdict = await verdictOf(postForm(`txnid=T-1&refno=R1&status=S&amount=${amount}&${proof}`), algorithm);
        expect(wordFor(verdict), amount).to.equal('ok');
      }
    }
  });

  it('says that the query of a POST is not read', async () => {
    const verdict = await verdictOf(postForm('', { target: `/callback?${plain}&${digest}` }), 'sha1');
    if (verdict.ok || verdict.reason !== 'invalid') throw new Error('accepted');
    expect(verdict.issues[0]).to.deep.include({ code: 'missing-field', field: 'txnid' });
    expect(verdict.issues[0]?.message).to.include('the query of a POST is not read');
  });
});

describe('Reading an amount', () => {
  const amounts: Array<[text: string, amount: string | undefined]> = [
    ['1500', '1500.00'],
    ['1500.', '1500.00'],
    ['1500.5', '1500.50'],
    ['1,500.00', '1500.00'],
    ['1,234,567.89', '1234567.89'],
    ['1 500.00', '1500.00'],
    ["1'500.00", '1500.00'],
    ['1’500.00', '1500.00'],
    ['１，５００．００', '1500.00'],
    ['１５００', '1500.00'],
    ['１．５００', undefined],
    ['1.500,00', '1500.00'],
    ['1500,50', '1500.50'],
    ['1500.5000', '1500.50'],
    ['0001500.00', '1500.00'],
    ['.5', '0.50'],
    ['0', '0.00'],
    ['+1500.00', '1500.00'],
    [' 1500.00\n', '1500.00'],
    ['1.5E3', '1500.00'],
    ['15E-1', '1.50'],
    ['1e-3', undefined],
    ['1.555', undefined],
    ['1.500', undefined],
    ['100.000', undefined],
    ['1.500.000', undefined],
    ['1500.000', '1500.00'],
    ['0.500', '0.50'],
    ['1.500E3', '1500.00'],
    ['1,500', '1500.00'],
    ['-1', undefined],
    ['1,00', '1.00'],
    ['1,50,000.00', undefined],
    ['1,234.567,89', undefined],
    ['10000000000', undefined],
    ['PHP 1.00', undefined],
    ['', undefined],
    ['.', undefined],
    ['1e99', undefined],
    [`1${'0'.repeat(100)}`, undefined],
  ];
  for (const [text, amount] of amounts) {
    it(`reads ${JSON.stringify(text.slice(0, 20))} as ${amount ?? 'nothing'}`, () => {
      expect(readAmount(text)).to.equal(amount);
    });
  }
});
