import { expect } from 'chai';
import fc from 'fast-check';
import {
  fieldTable,
  haveShapes,
  isProofField,
  type KnownFields,
  knownFieldNames,
  mayBeOdd,
  noFields,
  otherField,
  proofAlgorithms,
  shapesOf,
  signableFields,
  toChecked,
} from '../../src/protocol/fields.js';
import { fieldSchema } from '../../src/reading/field-schema.js';

const kinds = ['payment', 'payout'] as const;
const plain: Record<(typeof kinds)[number], KnownFields> = {
  payment: {
    ...noFields,
    txnid: 'T-1',
    refno: 'ABCD1234',
    status: 'S',
    message: '[000] BPI: paid',
    merchantid: 'ACME',
    param1: 'a:b',
    param2: '',
    amount: '100.00',
    ccy: 'PHP',
    procid: 'BPI',
    settledate: '2026-07-31',
    digest: '0'.repeat(40),
  },
  payout: {
    ...noFields,
    merchanttxnid: 'O-1',
    refno: 'ABCD1234',
    status: 'S',
    message: 'sent',
    amount: '1',
    ccy: 'PHP',
  },
};

function schemaAccepts(kind: (typeof kinds)[number], fields: KnownFields): boolean {
  return fieldSchema(kind).isValidSync(fields);
}

/** Values on both sides of every rule: lengths near the limits, characters at the edges, amounts of all forms. */
const edgeCharacter = fc.constantFrom(
  ...[
    '\u0000',
    '\u001f',
    ' ',
    '/',
    '9',
    ':',
    ';',
    '~',
    '\u007f',
    '\u00e9',
    '\u212a',
    '\n',
    '@',
    'A',
    'Z',
    '[',
    '`',
    'z',
    '{',
  ],
);
const lengthsAtLimits = fc
  .constantFrom(0, 1, 2, 3, 4, 19, 20, 21, 31, 32, 33, 39, 40, 41)
  .chain((length) => fc.constantFrom('A', '9', ' ', 'é', '😀').map((text) => text.repeat(length).slice(0, length)));
const amount = fc.oneof(
  fc.stringMatching(/^[0-9]{1,11}(\.[0-9]{0,3})?$/),
  fc.constantFrom('0', '00', '01', '.5', '1.', '1e3', '-1', '+1', '1,000', '9999999999.99', '10000000000', ' 1', '1\n'),
);
const value = fc.option(
  fc.oneof(fc.string({ unit: edgeCharacter, maxLength: 5 }), lengthsAtLimits, amount, fc.string({ unit: 'binary' })),
  { nil: undefined },
);

describe('The fields of the protocol', () => {
  const content = Object.values(fieldTable)
    .filter(({ role }) => role === 'content' || role === 'hint')
    .map(({ wireName }) => wireName as string);

  it('are covered by a proof in this order, unless they hold one', () => {
    expect(signableFields('payment')).to.deep.equal(['txnid', 'refno', 'status', ...content]);
    expect(signableFields('payout')).to.deep.equal(['merchantTxnId', 'refno', 'status', ...content]);
  });

  it('have shapes by their lower-case names', () => {
    const namesOf = (kind: (typeof kinds)[number]) => shapesOf(kind).map(([name]) => name);
    expect(namesOf('payment')).to.deep.equal([
      ...['txnid', 'refno', 'status', ...content],
      ...['digest', 'signature', 'signatures'],
    ]);
    expect(namesOf('payout')).to.deep.equal(['merchanttxnid', 'refno', 'status', ...content, 'digest']);
    for (const [name, shape] of shapesOf('payment')) {
      expect(shape.required, name).to.equal(['txnid', 'refno', 'status'].includes(name));
    }
  });

  it('may be unreadable, unless they decide', () => {
    const proofs = ['digest', 'signature', 'signatures'];
    const odd = [...content.filter((name) => name !== 'merchantid'), ...proofs];
    for (const name of odd) expect(mayBeOdd(name), name).to.equal(true);
    for (const name of ['txnid', 'merchanttxnid', 'refno', 'status', 'merchantid', 'expiry', 'toString', '']) {
      expect(mayBeOdd(name), name).to.equal(false);
    }
    for (const name of proofs) expect(isProofField(name) && isProofField(name.toUpperCase()), name).to.equal(true);
    for (const name of ['txnid', 'digests', '', ...content]) expect(isProofField(name), name).to.equal(false);
  });

  it('hold the proofs of a kind, the strongest first', () => {
    expect(proofAlgorithms('payment')).to.deep.equal(['rsa', 'hmac', 'sha1']);
    expect(proofAlgorithms('payout')).to.deep.equal(['sha1']);
    expect(otherField('expiry')).to.equal('other:expiry');
  });

  it('have an id of their own kind only', () => {
    const known = { ...noFields, txnid: 'T', merchanttxnid: 'O', refno: 'R', status: 'S' };
    expect(toChecked('payment', known)).to.include({ kind: 'payment', txnid: 'T', merchantTxnId: undefined });
    expect(toChecked('payout', known)).to.include({ kind: 'payout', txnid: undefined, merchantTxnId: 'O' });
  });
});

describe('The quick check of shapes', () => {
  it('leaves fields in another order, or with others among them, to the schema', () => {
    const { txnid, ...others } = plain.payment;
    expect(haveShapes('payment', { ...others, txnid })).to.equal(false);
    expect(haveShapes('payment', others)).to.equal(false);
    expect(haveShapes('payment', { ...plain.payment, expiry: 'x' } as KnownFields)).to.equal(false);
    expect(haveShapes('payment', { ...plain.payment, expiry: undefined } as KnownFields)).to.equal(false);
  });

  it('accepts usual callbacks without the schema', () => {
    for (const kind of kinds) expect(haveShapes(kind, plain[kind]), kind).to.equal(true);
  });

  for (const kind of kinds) {
    it(`agrees with the schema of a ${kind} with one changed field`, () => {
      fc.assert(
        fc.property(fc.constantFrom(...knownFieldNames), value, (name, changed) => {
          const fields = { ...plain[kind], [name]: changed };
          expect(haveShapes(kind, fields)).to.equal(schemaAccepts(kind, fields));
        }),
        { numRuns: 3000 },
      );
    });

    it(`agrees with the schema of a ${kind} with arbitrary fields`, () => {
      const anything = fc.record(Object.fromEntries(knownFieldNames.map((name) => [name, value])), {
        requiredKeys: [],
      });
      fc.assert(
        fc.property(anything, (fields) => {
          const all = { ...noFields, ...fields };
          expect(haveShapes(kind, all)).to.equal(schemaAccepts(kind, all));
        }),
        { numRuns: 500 },
      );
    });
  }
});
