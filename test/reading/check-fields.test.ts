import { expect } from 'chai';
import fc from 'fast-check';
import { failures } from '../../src/errors.js';
import type { Issue } from '../../src/model/issue.js';
import type { CheckedCallback, KnownFieldName, KnownFields } from '../../src/protocol/fields.js';
import { knownFieldNames } from '../../src/protocol/fields.js';
import type { CallbackKind } from '../../src/protocol/kinds.js';
import { checkFields } from '../../src/reading/check-fields.js';
import type { ReceivedFields } from '../../src/reading/field-collector.js';

const bothKinds: ReadonlySet<CallbackKind> = new Set(['payment', 'payout']);

const payment = { txnid: 'T-1', refno: 'ABCD1234', status: 'S', message: '[000] OK' };
const payout = { merchanttxnid: 'O-1', refno: 'ABCD1234', status: 'S', message: '[000] OK' };

function received(known: KnownFields, issues: readonly Issue[] = []): ReceivedFields {
  return { known: Object.assign(Object.create(null), known), received: () => [], issues, raw: () => '' };
}

function check(known: KnownFields, kinds = bothKinds) {
  return checkFields(received(known), kinds);
}

function codes(known: KnownFields, kinds = bothKinds): Array<[code: string, field: string | undefined]> {
  const checked = check(known, kinds);
  if (checked.ok) return [...(checked.callback.odd ?? [])].map(([field, { code }]) => [code, field]);
  return checked.issues.map(({ code, field }) => [code, field]);
}

function checkedCallback(known: KnownFields): CheckedCallback {
  const checked = check(known);
  if (!checked.ok) throw new Error(`refused: ${checked.issues.map(({ message }) => message).join(', ')}`);
  return withoutAbsent(checked.callback);
}

function withoutAbsent(callback: CheckedCallback): CheckedCallback {
  return Object.fromEntries(
    Object.entries(callback).filter(([name, value]) => value !== undefined && name !== 'amountAsSent'),
  ) as unknown as CheckedCallback;
}

type Shape = { readonly holds: readonly string[]; readonly malformed: readonly string[]; readonly required: boolean };

const idShape = (length: number): Omit<Shape, 'required'> => ({
  holds: ['1', 'a'.repeat(length), ' ', '~', '/-_.#@%&=+', '"\'<>\\', '0'],
  malformed: ['a'.repeat(length + 1), 'A:B', ':', 'ñ', 'A\n', '\t', 'A\x7f', '\x1f', '\u00a0', 'Ａ', '💸'],
});
const freeText: Shape = {
  required: false,
  holds: ['', ':', 'a:b:c', 'x'.repeat(5000), '\t\r\n', 'Niño 💸', '\u202e', '<script>', "'; drop table"],
  malformed: [],
};
const proof: Shape = { required: false, holds: ['', 'x', 'zz zz', ':', 'é', 'x'.repeat(5000)], malformed: [] };
const status: Shape = {
  required: true,
  holds: ['S', 'F', 'P', 'U', 'R', 'K', 'V', 'A', 'E', 'G', 'H', 'D', 'Z', 's'],
  malformed: ['SS', ' S', 'S ', 'S\n', '1', ':', '-', 'é', 'Ｓ', 'ſ', '\u212a'],
};
const amount: Shape = {
  required: false,
  holds: ['', '0', '0.0', '0.00', '1', '1.5', '100.00', '9999999999.99', '1,000.00', '1e3', ' 1', '+1', '00', '.5'],
  malformed: [
    ...['1.555', '-1', '0x10', 'NaN', 'Infinity', '10000000000', '10000000000.00', '１．５５５', '١', '1.0.0', '1:00'],
    ...['PHP 1.00', '1,00,000.00', '1,000,00', ',', '1e', '1,000.0001'],
  ],
};
const currency: Shape = {
  required: false,
  holds: ['', 'PHP', 'php', 'Usd'],
  malformed: ['PH', 'PHPP', 'P1P', '₱₱₱', 'PHP ', 'PH:', 'KES\n'],
};

/** Written from the lists of fields, not from the schemas. */
const paymentShapes: { readonly [name in Exclude<KnownFieldName, 'merchanttxnid'>]: Shape } = {
  txnid: { ...idShape(40), required: true },
  refno: { ...idShape(32), required: true },
  status,
  message: freeText,
  merchantid: { ...idShape(20), required: false },
  param1: freeText,
  param2: freeText,
  amount,
  ccy: currency,
  procid: freeText,
  settledate: freeText,
  digest: proof,
  signature: proof,
  signatures: proof,
};
const payoutShapes: { readonly [name in KnownFieldName]?: Shape } = {
  merchanttxnid: { ...idShape(40), required: true },
  refno: { ...idShape(32), required: true },
  status,
  message: freeText,
  merchantid: { ...idShape(20), required: false },
  amount,
  ccy: currency,
  procid: freeText,
  digest: proof,
};

describe('Checking fields', () => {
  for (const [kind, fields, shapes] of [
    ['payment', payment, paymentShapes],
    ['payout', payout, payoutShapes],
  ] as const) {
    describe(`of a ${kind}`, () => {
      for (const [name, { holds, malformed, required }] of Object.entries(shapes)) {
        it(`takes ${holds.length} values of ${name} and finds ${malformed.length} malformed`, () => {
          for (const value of holds) {
            expect(codes({ ...fields, [name]: value }), JSON.stringify(value)).to.deep.equal([]);
          }
          for (const value of malformed) {
            expect(codes({ ...fields, [name]: value }), JSON.stringify(value)).to.deep.equal([
              ['malformed-field', name],
            ]);
          }
        });

        // Without its id, the callback is not of a payout. Another test checks that case.
        if (name !== 'merchanttxnid') {
          it(`${required ? 'misses' : 'does not miss'} ${name}`, () => {
            const { [name as KnownFieldName]: _, ...others } = fields as KnownFields;
            expect(codes(others)).to.deep.equal(required ? [['missing-field', name]] : []);
          });
        }

        it(`${required ? 'refuses' : 'takes'} an empty ${name}`, () => {
          expect(codes({ ...fields, [name]: '' })).to.deep.equal(required ? [['missing-field', name]] : []);
        });
      }
    });
  }

  it('hands on exactly what came, by its name on the wire', () => {
    const all = {
      ...{ txnid: ' T/1 ', refno: 'r', status: 's', message: ' [000]: Niño\n', merchantid: 'ACME', param1: 'a:b' },
      ...{ param2: ' ', amount: '100.00', ccy: 'php', procid: 'BOGX', settledate: '2025-12-10' },
      ...{ digest: 'd', signature: 'h', signatures: 'r' },
    };
    expect(checkedCallback(all)).to.deep.include({ kind: 'payment', ...all });
    const { txnid, ...others } = all;
    expect(checkedCallback({ ...others, merchanttxnid: 'O-1' })).to.deep.include({
      kind: 'payout',
      merchantTxnId: 'O-1',
      ...others,
    });
  });

  const withoutReceived = (fields: Parameters<typeof checkedCallback>[0]) => {
    const { received: _, ...callback } = checkedCallback(fields) ?? {};
    return callback;
  };

  it('counts an empty optional field as absent, and a missing message as empty', () => {
    const { message, ...required } = payment;
    const empty = Object.fromEntries(knownFieldNames.map((name) => [name, name === 'merchanttxnid' ? undefined : '']));
    expect(withoutReceived({ ...empty, ...required })).to.deep.equal({ kind: 'payment', ...required, message: '' });
    expect(withoutReceived(required)).to.deep.equal({ kind: 'payment', ...required, message: '' });
  });

  const amounts: Array<[sent: string, checked: string]> = [
    ['0', '0.00'],
    ['1', '1.00'],
    ['1.5', '1.50'],
    ['1.05', '1.05'],
    ['100.00', '100.00'],
    ['9999999999.99', '9999999999.99'],
    ['9007199254.99', '9007199254.99'],
  ];
  for (const [sent, expected] of amounts) {
    it(`gives an amount of ${sent} two decimals`, () => {
      expect(checkedCallback({ ...payment, amount: sent }).amount).to.equal(expected);
    });
  }

  describe('tells the kinds apart:', () => {
    const onlyPayments: ReadonlySet<CallbackKind> = new Set(['payment']);
    const onlyPayouts: ReadonlySet<CallbackKind> = new Set(['payout']);
    const neither = { refno: 'R', status: 'S' };
    const cases: Array<[what: string, KnownFields, ReadonlySet<CallbackKind>, Array<[string, string | undefined]>]> = [
      ['both ids', { ...payment, ...payout }, bothKinds, [['ambiguous-kind', 'merchanttxnid']]],
      ['both ids, one empty', { ...payment, merchanttxnid: '' }, bothKinds, [['ambiguous-kind', 'merchanttxnid']]],
      ['both ids, the other empty', { ...payout, txnid: '' }, bothKinds, [['ambiguous-kind', 'merchanttxnid']]],
      ['both ids, one kind taken', { ...payment, ...payout }, onlyPayments, [['ambiguous-kind', 'merchanttxnid']]],
      ['no id', neither, bothKinds, [['missing-field', 'txnid']]],
      ['no id where only payouts are taken', neither, onlyPayouts, [['kind-not-accepted', 'txnid']]],
      ['an empty id', { ...neither, merchanttxnid: '' }, bothKinds, [['missing-field', 'merchanttxnid']]],
      ['a payment where payments are taken', payment, onlyPayments, []],
      ['a payout where payouts are taken', payout, onlyPayouts, []],
      ['a payment where only payouts are taken', payment, onlyPayouts, [['kind-not-accepted', 'txnid']]],
      ['a payout where only payments are taken', payout, onlyPayments, [['kind-not-accepted', 'merchanttxnid']]],
      [
        'nothing at all',
        {},
        bothKinds,
        [
          ['missing-field', 'txnid'],
          ['missing-field', 'refno'],
          ['missing-field', 'status'],
        ],
      ],
    ];
    for (const [what, fields, kinds, expected] of cases) {
      it(what, () => {
        expect(codes(fields, kinds)).to.deep.equal(expected);
      });
    }
  });

  it('names every field that is wrong, each once, in the order of the schema', () => {
    const wrong = { ...payment, status: '', txnid: 'a:b', amount: '-1', ccy: '?' };
    const expected: Array<[string, string]> = [
      ['malformed-field', 'txnid'],
      ['missing-field', 'status'],
      ['malformed-field', 'amount'],
      ['malformed-field', 'ccy'],
    ];
    expect(codes(wrong)).to.deep.equal(expected);
  });

  it('says in words which field, and never its value', () => {
    const secretive = { ...payment, refno: '', txnid: 'jAcK:pOt', amount: 'jAcK' };
    const checked = check(secretive);
    const messages = checked.ok ? [] : checked.issues.map(({ message }) => message);
    expect(messages).to.have.members(['txnid is malformed', 'refno is missing or empty', 'amount is malformed']);
  });

  it('says in words which kind it does not take', () => {
    const messageOf = (known: KnownFields, ...kinds: CallbackKind[]) => {
      const checked = check(known, new Set(kinds));
      return checked.ok ? undefined : checked.issues[0]?.message;
    };
    expect(messageOf(payout, 'payment')).to.equal('this endpoint does not accept payouts');
    expect(messageOf(payment, 'payout')).to.equal('this endpoint does not accept payments');
    expect(messageOf({ ...payment, ...payout }, 'payment')).to.equal('txnid and merchantTxnId are both present');
  });

  it('passes the issues of the reading on, and looks no further', () => {
    const issues: Issue[] = [{ code: 'invalid-utf8', field: 'message', message: 'message is not UTF-8' }];
    expect(checkFields(received({ txnid: 'a:b' }, issues), bothKinds)).to.deep.equal({
      ok: false,
      reason: 'invalid',
      issues,
    });
  });

  it('never throws, and finds nothing but missing and malformed fields in any text', () => {
    const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', 'S', '1.00', 'PHP', '__proto__', ':'));
    const anyFields = fc.dictionary(fc.constantFrom(...knownFieldNames), anyText);
    fc.assert(
      fc.property(anyFields, (fields) => {
        const checked = check(fields);
        if (checked.ok) return;
        expect(checked.reason).to.equal('invalid');
        expect(checked.issues).to.not.be.empty;
        for (const { code } of checked.issues) {
          expect(code).to.be.oneOf(['missing-field', 'malformed-field', 'ambiguous-kind']);
          expect(failures[code].status).to.equal(400);
        }
      }),
    );
  });
});
