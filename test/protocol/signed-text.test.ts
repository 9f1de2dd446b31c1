import { expect } from 'chai';
import fc from 'fast-check';
import { MemoryRepository } from '../../src/index.js';
import type { SignedField } from '../../src/protocol/fields.js';
import { readAmount } from '../../src/protocol/read-amount.js';
import type { WireSettings } from '../../src/settings/settings.js';
import type { VerificationPolicy } from '../../src/verification/verify-callback.js';
import { judge, policyOf, wordFor } from '../support/judge.js';
import { type Algorithm, accepting, type Fields, orders, payment, prove, verified } from '../support/proofs.js';

describe('A signed text', () => {
  describe('lets no colon shift a meaning', () => {
    /** Every way to cut a text into the values of these fields. Each gives the fields of one callback. */
    function* cutsOf(fields: readonly string[], parts: readonly string[]): Generator<Record<string, string>> {
      const [first, ...others] = fields;
      if (first === undefined) return;
      if (others.length === 0) {
        yield { [first]: parts.join(':') };
        return;
      }
      for (let taken = 1; taken <= parts.length - others.length; taken++) {
        for (const rest of cutsOf(others, parts.slice(taken))) {
          yield { [first]: parts.slice(0, taken).join(':'), ...rest };
        }
      }
    }

    /** The verified data of all cuts of a signed text, without repetitions. */
    async function meaningsOf(order: readonly string[], text: string, proof: Fields, policy: VerificationPolicy) {
      const meanings = new Set<string>();
      let cuts = 0;
      for (const fields of cutsOf(order, text.split(':'))) {
        cuts++;
        const verdict = await judge({ ...fields, ...proof }, policy);
        if (verdict.ok) meanings.add(JSON.stringify(verdict.callback.data));
      }
      expect(cuts, 'the text can be cut in more than one way').to.be.greaterThan(1);
      return [...meanings].map((meaning) => JSON.parse(meaning) as Fields);
    }

    const proofKinds = ['rsa', 'hmac', 'sha1', 'payout'] as const;

    describe('between two adjacent fields', () => {
      const values: Readonly<Record<string, string>> = { ...payment, message: 'm', merchantTxnId: 'O-1', param2: 'p2' };
      for (const algorithm of proofKinds) {
        const order = orders[algorithm];
        for (const [index, left] of order.slice(0, -1).entries()) {
          const right = order[index + 1] as string;
          for (const between of ['x', '', 'S', 'ACME', '1.00']) {
            it(`of ${algorithm}, ${left} and ${right}, with ${JSON.stringify(between)} to either`, async () => {
              const base = Object.fromEntries(order.map((field) => [field, values[field] as string]));
              const toLeft = { ...base, [left]: `${base[left]}:${between}` };
              const toRight = { ...base, [right]: `${between}:${base[right]}` };
              const proof = prove(algorithm, order.map((field) => toLeft[field]).join(':'));
              const policy = policyOf(accepting(algorithm === 'payout' ? 'rsa' : algorithm));
              const verdicts = [
                await judge({ ...toLeft, ...proof }, policy),
                await judge({ ...toRight, ...proof }, policy),
              ];
              const meanings = verdicts.flatMap((verdict) => (verdict.ok ? [verdict.callback.data] : []));
              // All cuts that verify have the same meaning.
              for (const meaning of meanings) expect(meaning).to.deep.equal(meanings[0]);
              // A cut that puts a colon into a field is refused, unless the field is free text.
              const freeText = ['message', 'param1', 'param2'];
              const expected = [left, right].map((field) => (freeText.includes(field) ? 'ok' : 'malformed-field'));
              expect(verdicts.map(wordFor)).to.deep.equal(expected);
            });
          }
        }
      }
    });

    describe('in any cut of', () => {
      const nasty: Array<[text: string, kind: (typeof proofKinds)[number], meaning: Fields | undefined]> = [
        // The text of a failed payment `A:R9:S:x` is also that of a successful payment `A` with a long message. The
        // text does not tell which one it is. Ids with a colon cannot be created, so only the second reading is
        // possible.
        ['A:R9:S:x:R1:F:m', 'sha1', { txnid: 'A', refno: 'R9', status: 'S', message: 'x:R1:F:m' }],
        ['A:R9:S:x:R1:F:m', 'payout', { merchantTxnId: 'A', refno: 'R9', status: 'S', message: 'x:R1:F:m' }],
        ['A:R9:S:x:R1:F:m:1.00', 'hmac', { txnid: 'A', refno: 'R9', status: 'S', message: 'x:R1:F:m', amount: '1.00' }],
        ['A:R9:F:S:m:1.00:2.00', 'hmac', { txnid: 'A', refno: 'R9', status: 'F', message: 'S:m:1.00', amount: '2.00' }],
        [
          'A:R9:S:x:R1:F:m:ACME:p:q:1.00',
          'rsa',
          {
            txnid: 'A',
            refno: 'R9',
            status: 'S',
            message: 'x:R1:F:m',
            merchantid: 'ACME',
            param1: 'p',
            param2: 'q',
            amount: '1.00',
          },
        ],
        [
          'A:R9:S:x:y:ACME:::1.00',
          'rsa',
          { txnid: 'A', refno: 'R9', status: 'S', message: 'x:y', merchantid: 'ACME', amount: '1.00' },
        ],
        // Two cuts are possible: m | ACME | x:ACME:y | z and m:ACME:x | ACME | y | z. Only the values that are the same
        // in both are covered.
        [
          'A:R9:S:m:ACME:x:ACME:y:z:1.00',
          'rsa',
          { txnid: 'A', refno: 'R9', status: 'S', message: 'm', merchantid: 'ACME', amount: '1.00' },
        ],
        [
          'A:R9:S:ACME:ACME:ACME:ACME:ACME:1.00',
          'rsa',
          { txnid: 'A', refno: 'R9', status: 'S', message: '', merchantid: 'ACME', amount: '1.00' },
        ],
        [
          'A:R9:S:m:ACME:ACME:ACME:ACME:2.00:1.00',
          'rsa',
          { txnid: 'A', refno: 'R9', status: 'S', message: 'm', merchantid: 'ACME', amount: '1.00' },
        ],
        [
          'A:R9:S:m:n:ACME:ACME::ACME::1.00',
          'rsa',
          { txnid: 'A', refno: 'R9', status: 'S', message: 'm:n', merchantid: 'ACME', amount: '1.00' },
        ],
        [
          'A:R9:S:m:ACME:F:ACME:S:1.00:ACME:p:2.00',
          'rsa',
          { txnid: 'A', refno: 'R9', status: 'S', message: 'm', merchantid: 'ACME', amount: '2.00' },
        ],
        // The text has another merchant's id, or none, so no cut is valid.
        ['A:R9:S:m:OTHER:x:OTHER:y:z:1.00', 'rsa', undefined],
        ['A:R9:S:m::x::y:z:1.00', 'rsa', undefined],
        ['A:R9:success:m:ACME:x:y:z:1.00', 'rsa', undefined],
        ['A:R9:S:m:ACME:x:y:z:free', 'rsa', undefined],
        ['A:R9:success:m:n', 'sha1', undefined],
      ];
      for (const [text, kind, meaning] of nasty) {
        it(`${text} under ${kind}: ${meaning === undefined ? 'no meaning' : 'one meaning'}`, async () => {
          const policy = policyOf(accepting(kind === 'payout' ? 'sha1' : kind));
          const meanings = await meaningsOf(orders[kind], text, prove(kind, text), policy);
          expect(meanings).to.deep.equal(meaning === undefined ? [] : [meaning]);
        });
      }
    });

    it('with the recut parameters in unsigned, where they are a hint', async () => {
      const text = 'A:R9:S:m:ACME:x:ACME:y:z:1.00';
      const proof = prove('rsa', text);
      const fields = { txnid: 'A', refno: 'R9', status: 'S', amount: '1.00' };
      const short = await verified(
        { ...fields, message: 'm', param1: 'x:ACME:y', param2: 'z', ...proof },
        accepting('rsa'),
      );
      expect(short.unsigned).to.deep.equal({ param1: 'x:ACME:y', param2: 'z' });
      const long = await verified(
        { ...fields, message: 'm:ACME:x', param1: 'y', param2: 'z', ...proof },
        accepting('rsa'),
      );
      expect(long.unsigned).to.deep.equal({ message: 'm:ACME:x', param1: 'y', param2: 'z' });
      expect(long.data).to.deep.equal(short.data);
    });

    describe('in an order of fields that settings give', () => {
      const wires: Array<[what: string, fields: SignedField[], text: string]> = [
        [
          'without the merchant id',
          ['txnid', 'refno', 'status', 'message', 'param1', 'param2', 'amount'],
          'A:R9:S:m:x:y:z:w:1.00',
        ],
        [
          'without the second parameter',
          ['txnid', 'refno', 'status', 'message', 'merchantid', 'param1', 'amount'],
          'A:R9:S:m:ACME:x:ACME:y:1.00',
        ],
        [
          'with the parameters first',
          ['param1', 'param2', 'message', 'txnid', 'refno', 'status', 'amount'],
          'x:y:z:w:m:A:R9:S:1.00',
        ],
        [
          'with the merchant id last',
          ['txnid', 'refno', 'status', 'message', 'param1', 'merchantid'],
          'A:R9:S:m:x:ACME:y:ACME',
        ],
        [
          'with the parameter before the message',
          ['param1', 'message', 'merchantid', 'txnid', 'refno', 'status'],
          'x:ACME:m:ACME:y:ACME:A:R9:S',
        ],
      ];
      for (const [what, fields, text] of wires) {
        it(what, async () => {
          const wire: WireSettings = { payment: { rsa: { fields } } };
          const policy = policyOf({ ...accepting('rsa'), wire });
          const meanings = await meaningsOf(fields, text, prove('rsa', text), policy);
          expect(meanings).to.have.length(1);
          expect(meanings[0]).to.include({ txnid: 'A', refno: 'R9', status: 'S' });
        });
      }
    });

    it('because no payment and no payout can be made whose id holds one', async () => {
      const repository = new MemoryRepository();
      for (const id of ['A:R9:S:x', ':', 'A:']) {
        let codes: unknown[] = [];
        await repository.createPayment({ txnid: id, amount: '1' }).catch(({ code }) => codes.push(code));
        await repository.createPayout({ merchantTxnId: id, amount: '1' }).catch(({ code }) => codes.push(code));
        expect(codes).to.deep.equal(['invalid-details', 'invalid-details']);
        codes = [];
      }
    });
  });

  describe('lets no change of a covered field survive', () => {
    interface Base {
      readonly name: string;
      readonly algorithm: Algorithm | 'payout';
      readonly fields: Record<string, string>;
      /** The text has `?` for each character outside of ASCII, as in the SHA-1 of Dragonpay's sample code. */
      readonly folded?: boolean;
    }
    const plain = { txnid: 'T-1', refno: 'R1', status: 'S', message: '[000] OK', merchantid: 'ACME', amount: '100.00' };
    const bases: readonly Base[] = [
      { name: 'plain', algorithm: 'rsa', fields: { ...plain, param1: 'p', param2: 'q' } },
      { name: 'colons', algorithm: 'rsa', fields: { ...plain, message: 'a:b:c', param1: 'p', param2: '' } },
      { name: 'not ASCII', algorithm: 'rsa', fields: { ...plain, message: 'Niño', param1: 'ñ', param2: '?' } },
      { name: 'cut anywhere', algorithm: 'rsa', fields: { ...plain, message: 'm', param1: 'x:ACME:y', param2: 'z' } },
      { name: 'cut elsewhere', algorithm: 'rsa', fields: { ...plain, message: 'm:ACME:x', param1: 'y', param2: 'z' } },
      { name: 'plain', algorithm: 'hmac', fields: plain },
      { name: 'colons', algorithm: 'hmac', fields: { ...plain, message: 'Niño:1.00' } },
      { name: 'plain', algorithm: 'sha1', fields: plain },
      { name: 'not ASCII', algorithm: 'sha1', fields: { ...plain, message: 'Niño: x' } },
      { name: 'folded', algorithm: 'sha1', folded: true, fields: { ...plain, message: 'Niño: x' } },
      {
        name: 'plain',
        algorithm: 'payout',
        fields: { merchantTxnId: 'O-1', refno: 'R1', status: 'S', message: 'Niño: x' },
      },
    ];
    const fold = (text: string) => text.replace(/[^\u0000-\u007f]/g, '?');

    interface Signed extends Base {
      readonly proof: Fields;
      readonly data: Record<string, string>;
      readonly policy: VerificationPolicy;
    }
    const signed: Signed[] = [];
    before(async () => {
      for (const base of bases) {
        const { algorithm, fields, folded } = base;
        const text = orders[algorithm].map((field) => fields[field] ?? '').join(':');
        const proof = prove(algorithm, folded ? fold(text) : text);
        const settings = accepting(algorithm === 'payout' ? 'rsa' : algorithm);
        const { data } = await verified({ ...fields, ...proof }, settings);
        signed.push({ ...base, proof, data: data as unknown as Record<string, string>, policy: policyOf(settings) });
      }
    });

    const pieces = fc.constantFrom(
      '',
      ':',
      'ACME',
      'S',
      'F',
      'R1',
      'T-1',
      '100.00',
      '1.00',
      ' ',
      '?',
      'ñ',
      'é',
      '\n',
      'x',
    );
    const anyValue = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }).map((text) => text.replaceAll('\0', '')),
      fc.array(pieces, { maxLength: 5 }).map((parts) => parts.join('')),
    );
    /** Another value of a field: any text, or one that differs little. */
    const change = fc.oneof(
      anyValue.map((value) => () => value),
      fc.tuple(fc.nat(), pieces).map(([at, piece]) => (old: string) => {
        const place = at % (old.length + 1);
        return old.slice(0, place) + piece + old.slice(place);
      }),
      fc.nat().map((at) => (old: string) => {
        const place = at % (old.length + 1);
        return old.slice(0, place) + old.slice(place + 1);
      }),
      fc.constant((old: string) => old.toLowerCase()),
      fc.constant((old: string) => old.toUpperCase()),
      fc.constant(fold),
    );

    /** The meanings of covered fields: two spellings may mean the same. */
    function meaning({ folded }: Base, data: Readonly<Record<string, string>>): Record<string, string> {
      // A known weakness of ASCII digests: a digest over question marks holds for every text that is folded to them.
      return folded ? { ...data, message: fold(data.message ?? '') } : { ...data };
    }

    for (const [index, { name, algorithm }] of bases.entries()) {
      it(`under ${algorithm} (${name}), whatever else changes with it`, async () => {
        const base = signed[index] as Signed;
        const changes = fc.dictionary(fc.constantFrom(...Object.keys(base.fields)), change, { minKeys: 1 });
        await fc.assert(
          fc.asyncProperty(changes, async (changed) => {
            const fields = { ...base.fields };
            for (const [field, from] of Object.entries(changed)) fields[field] = from(base.fields[field] ?? '');
            const verdict = await judge({ ...fields, ...base.proof }, base.policy);
            if (verdict.ok) {
              const data = verdict.callback.data as unknown as Record<string, string>;
              expect(meaning(base, data)).to.deep.equal(meaning(base, base.data));
            }
          }),
          { numRuns: 300 },
        );
      });

      it(`under ${algorithm} (${name}), when it changes alone`, async () => {
        const base = signed[index] as Signed;
        const whole = Object.keys(base.data).filter((field) => base.data[field] === base.fields[field]);
        await fc.assert(
          fc.asyncProperty(fc.constantFrom(...whole), change, async (field, from) => {
            const value = from(base.fields[field] ?? '');
            const same =
              value === base.fields[field] ||
              (field === 'amount' && readAmount(value) === '100.00') ||
              (field === 'merchantid' && value === '') ||
              (base.folded === true && field === 'message' && fold(value) === fold(base.fields.message ?? ''));
            const verdict = await judge({ ...base.fields, ...base.proof, [field]: value }, base.policy);
            expect(verdict.ok, JSON.stringify({ field, value })).to.equal(same);
          }),
          { numRuns: 300 },
        );
      });
    }

    it('and finds two texts that fold alike under a folded digest, which nobody can tell apart', async () => {
      const { fields, proof, policy } = signed.find(({ folded }) => folded) as Signed;
      for (const message of ['Niño: x', 'Niéo: x', 'Ni?o: x']) {
        expect(wordFor(await judge({ ...fields, message, ...proof }, policy))).to.equal('ok');
      }
      const exact = signed.find(({ name, algorithm }) => name === 'not ASCII' && algorithm === 'sha1') as Signed;
      for (const message of ['Niéo: x', 'Ni?o: x']) {
        expect(wordFor(await judge({ ...exact.fields, message, ...exact.proof }, exact.policy))).to.equal(
          'proof-mismatch',
        );
      }
    });
  });
});
