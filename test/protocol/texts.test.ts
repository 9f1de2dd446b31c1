import { expect } from 'chai';
import fc from 'fast-check';
import { fieldValue, nameAsSent, type SignedField } from '../../src/protocol/fields.js';
import { signedTextOf } from '../../src/protocol/sign-callback.js';
import { type SignedText, signedTextFor, textOf, withWireParts } from '../../src/protocol/signed-text.js';
import { checkFields } from '../../src/reading/check-fields.js';
import { encodedValues } from '../../src/reading/encoded-values.js';
import { readForm } from '../../src/reading/read-fields.js';
import { encodeCallback } from '../../src/testing.js';

type Fields = Readonly<Record<string, string>>;

/** Amounts in each format, by hand. */
const amounts: Readonly<Record<string, Readonly<Record<NonNullable<SignedText['amount']>, string>>>> = {
  '1500.5': {
    'two-decimals': '1500.50',
    'as-sent': '1500.5',
    grouped: '1,500.50',
    shortest: '1500.5',
    centavos: '150050',
    'four-decimals': '1500.5000',
  },
  '7': {
    'two-decimals': '7.00',
    'as-sent': '7',
    grouped: '7.00',
    shortest: '7',
    centavos: '700',
    'four-decimals': '7.0000',
  },
  '': { 'two-decimals': '', 'as-sent': '', grouped: '', shortest: '', centavos: '', 'four-decimals': '' },
};

/** Values with their other forms, by hand. */
const values: ReadonlyArray<Readonly<Record<NonNullable<SignedText['values']>, string>>> = [
  { decoded: '', trimmed: '', encoded: '', 'decoded-twice': '' },
  { decoded: 'a', trimmed: 'a', encoded: 'a', 'decoded-twice': 'a' },
  { decoded: ' b\n', trimmed: 'b', encoded: '+b%0a', 'decoded-twice': ' b\n' },
  { decoded: 'c:d|e', trimmed: 'c:d|e', encoded: 'c%3ad%7ce', 'decoded-twice': 'c:d|e' },
  { decoded: '%41+1', trimmed: '%41+1', encoded: '%2541%2b1', 'decoded-twice': 'A 1' },
  { decoded: 'T|1', trimmed: 'T|1', encoded: 'T%7c1', 'decoded-twice': 'T|1' },
  { decoded: 'R,1', trimmed: 'R,1', encoded: 'R%2c1', 'decoded-twice': 'R,1' },
  { decoded: ' T', trimmed: 'T', encoded: '+T', 'decoded-twice': ' T' },
  { decoded: '9%', trimmed: '9%', encoded: '9%25', 'decoded-twice': '9%' },
];

const freeTexts = ['message', 'param1', 'param2'];

/** The text that the documentation describes, and whether other values could have the same text. */
function expectedText(fields: Fields, reading: SignedText): { readonly text: string; readonly isUnsafe: boolean } {
  const { separator = ':', pairs, empty, values: form = 'decoded', amount = 'two-decimals' } = reading;
  const parts: string[] = [];
  let isUnsafe = false;
  for (const field of reading.fields) {
    const name = field.replace('other:', '');
    const given = Object.keys(fields).find((one) => one.toLowerCase() === name.toLowerCase()) ?? name;
    const sent = fields[given] || (field === 'merchantid' ? 'ACME' : '');
    const forms = values.find(({ decoded }) => decoded === sent);
    const written = field === 'amount' ? (amounts[sent]?.[amount] ?? '') : (forms?.[form] ?? sent);
    const isExact = form === 'encoded' || !freeTexts.includes(field);
    if ((isExact || empty === 'left-out') && [...separator].some((one) => written.includes(one))) isUnsafe = true;
    if (!freeTexts.includes(field) && field !== 'amount' && form !== 'encoded' && written !== sent) isUnsafe = true;
    if (written === '' && empty === 'left-out') continue;
    parts.push(pairs ? `${pairs === 'as-sent' ? given : name}=${written}` : written);
  }
  return { text: parts.join(separator), isUnsafe };
}

const optional = <Part extends keyof SignedText>(part: Part, choices: ReadonlyArray<SignedText[Part]>) =>
  fc
    .option(fc.constantFrom(...choices), { nil: undefined })
    .map((value): Partial<SignedText> => (value === undefined ? {} : { [part]: value }));
const parts = fc
  .tuple(
    optional('separator', [':', '|', '||', ', ', '+', '%']),
    optional('pairs', [true, false, 'as-sent']),
    optional('empty', ['left-out', 'kept']),
    optional('amount', ['two-decimals', 'as-sent', 'grouped', 'shortest', 'centavos', 'four-decimals']),
    optional('values', ['decoded', 'trimmed', 'encoded', 'decoded-twice']),
  )
  .chain((all) => fc.subarray(all))
  .map((some): Partial<SignedText> => Object.assign({}, ...some));
const others: ReadonlyArray<SignedText['fields'][number]> = [
  ...(['message', 'merchantid', 'param1', 'param2', 'amount', 'ccy', 'procid', 'settledate'] as const),
  'other:billerId',
];
const signedFields = fc
  .oneof(fc.shuffledSubarray(others.slice(0, 5)), fc.shuffledSubarray([...others]))
  .chain((some) => fc.shuffledSubarray(['txnid', 'refno', 'status', ...some] as SignedField[], { minLength: 3 }));

const anyText = fc.constantFrom(...values.map(({ decoded }) => decoded));
const callback = fc.record(
  {
    txnid: fc.constantFrom('a', 'T|1', '%41+1', ' T'),
    RefNo: fc.constantFrom('a', 'R,1'),
    status: fc.constant('S'),
    message: anyText,
    MerchantID: fc.constantFrom('ACME', ''),
    param1: anyText,
    PARAM2: anyText,
    amount: fc.constantFrom(...Object.keys(amounts)),
    ccy: fc.constantFrom('PHP', ''),
    procid: anyText,
    settledate: anyText,
    BILLERid: anyText,
  },
  { requiredKeys: ['txnid', 'RefNo', 'status'] },
) as fc.Arbitrary<Fields>;

function checked(form: string) {
  const received = readForm(form, 64);
  const result = received && checkFields(received, new Set(['payment']));
  if (!result?.ok || received === undefined) throw new Error('not a callback');
  return { callback: result.callback, encoded: encodedValues(received.raw) };
}

describe('The parts of wire', () => {
  it('are objects with known kinds and proofs', () => {
    for (const [wire, message] of [
      [null, 'wire must be an object'],
      [{ payments: {} }, 'payments is unknown; did you mean payment?'],
      [{ payment: 'x' }, 'wire.payment must be an object'],
      [{ payment: { md5: {} } }, 'md5 is unknown'],
      [{ payout: [] }, 'wire.payout must be an object'],
      [{ payout: { hmac: {} } }, 'hmac is unknown'],
    ] as const) {
      expect(() => withWireParts(wire as never))
        .to.throw(message)
        .with.property('code', 'invalid-setting');
    }
    const separator = '|';
    const { payment, payout } = withWireParts({
      payment: { rsa: { separator }, hmac: { separator }, sha1: { separator } },
      payout: { sha1: { separator } },
    });
    for (const reading of [payment.rsa, payment.hmac, payment.sha1, payout.sha1]) {
      expect(reading.separator).to.equal('|');
      expect(reading.fields).to.include.members(['refno', 'status']);
    }
  });
});

describe('The text under a proof', () => {
  it('is the documented one for a signer, and for a verifier unless it is ambiguous', () => {
    let ambiguous = 0;
    fc.assert(
      fc.property(signedFields, parts, callback, (fields, form, values) => {
        const wire = { payment: { sha1: { fields, ...form } } };
        const reading = signedTextFor(withWireParts(wire), 'payment', 'sha1');
        const { text, isUnsafe } = expectedText(values, reading);
        expect(signedTextOf(values, 'sha1', 'ACME', wire)).to.equal(text);
        const { callback, encoded } = checked(encodeCallback(values));
        // A usual text is ambiguous only in its free texts, and the coverage says in which.
        const verified = textOf(reading, callback, 'ACME', encoded);
        expect(verified, JSON.stringify(reading)).to.equal(isUnsafe ? undefined : text);
        if (isUnsafe) ambiguous++;
      }),
      { numRuns: 600 },
    );
    expect(ambiguous).to.be.within(30, 300);
  });

  it('has the configured merchant id where the wire has none, or an empty one', () => {
    for (const values of ['decoded', 'trimmed', 'encoded', 'decoded-twice'] as const) {
      const reading: SignedText = { fields: ['txnid', 'merchantid'], encodings: ['utf8'], values };
      for (const form of ['', '&merchantid=', '&MERCHANTID=ACME']) {
        const { callback, encoded } = checked(`txnid=T&refno=R&status=S${form}`);
        expect(textOf(reading, callback, 'ACME', encoded), values + form).to.equal('T:ACME');
      }
    }
  });

  it('has the values of the wire, but not where one could be cut', () => {
    const reading: SignedText = { fields: ['txnid', 'message'], encodings: ['utf8'], values: 'encoded' };
    for (const [message, text] of [
      ['a%3ab', 'T:a%3ab'],
      ['a:b', undefined],
    ] as const) {
      const { callback, encoded } = checked(`txnid=T&refno=R&status=S&message=${message}`);
      expect(textOf(reading, callback, 'ACME', encoded)).to.equal(text);
    }
  });

  it('has no field that came more than once, unless it is of the protocol', () => {
    const reading: SignedText = { fields: ['txnid', 'refno', 'status', 'other:expiry'], encodings: ['utf8'] };
    const textUnder = (form: string) => {
      const { callback, encoded } = checked(`txnid=T&refno=R&status=S${form}`);
      return textOf(reading, callback, 'ACME', encoded);
    };
    expect(textUnder('')).to.equal('T:R:S:');
    expect(textUnder('&expiry=soon&other=x')).to.equal('T:R:S:soon');
    expect(textUnder('&expiry=soon&EXPIRY=soon')).to.equal(undefined);
  });

  it('folds only A to Z in the names of fields', () => {
    const { callback } = checked('txnid=T&refno=R&status=S&K%c3%89Y=1&\u212a=2');
    expect(nameAsSent(callback, 'other:kÉy')).to.equal('KÉY');
    expect(nameAsSent(callback, 'other:kéy')).to.equal('kéy');
    expect(nameAsSent(callback, 'other:k')).to.equal('k');
    const { received, ...withoutNames } = callback;
    expect(nameAsSent(withoutNames, 'other:kÉy')).to.equal('kÉy');
    expect(fieldValue(callback, 'other:kÉy')).to.equal('1');
    expect(fieldValue(withoutNames, 'other:kÉy')).to.equal('');
  });
});
