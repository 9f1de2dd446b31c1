import { createPublicKey, hash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import type { DragonpaySettings, WireSettings } from '../../src/settings/settings.js';
import { sha1Digest } from '../../src/verification/sha1-digest.js';
import type { VerificationPolicy } from '../../src/verification/verify-callback.js';
import { judge, judgeForm, policyOf, wordFor } from '../support/judge.js';
import { type OpensslKeyPair, opensslHmac, opensslRsaKey, opensslSha1, opensslSign } from '../support/openssl.js';
import {
  type Algorithm,
  accepting,
  algorithms,
  type Fields,
  hints,
  hmacKey,
  merchantKey,
  orders,
  payment,
  payout,
  payoutKey,
  payoutText,
  prove,
  secretKey,
  texts,
  verified,
  word,
} from '../support/proofs.js';
import { recordedCallbacks } from '../support/recorded-callbacks.js';

const sha1Digits = (text: string) => hash('sha1', text).slice(0, 8);

const fieldOf = { rsa: 'signatures', hmac: 'signature', sha1: 'digest' } as const;

describe('Verification', () => {
  let key: OpensslKeyPair;
  let otherKey: OpensslKeyPair;
  before(() => {
    key = merchantKey();
    otherKey = opensslRsaKey();
  });

  it('computes the control vector of the protocol', async () => {
    const digest = sha1Digest(['secret key'], { fields: orders.sha1, encodings: ['utf8'] });
    const text = 'merchant12345:12345:500.00:php:description placeholder:customer@example.com';
    const control = '2df785d5866b9525ce8c38ab9ef5e953a330f310';
    expect(opensslSha1(`${text}:secret key`)).to.equal(control);
    expect(await digest.verify(() => text, control)).to.deep.equal({ ok: true, keyId: 'secretKeys[0]' });
    expect(await digest.verify(() => `${text}.`, control)).to.deep.equal({ ok: false, reason: 'mismatch' });
  });

  describe('takes what openssl signed', () => {
    it('with RSA-SHA256: every field of the text is covered', async () => {
      const { raw, releaseForm, ...callback } = await verified(
        { ...payment, ...hints, ...prove('rsa', texts.rsa) },
        accepting('rsa'),
      );
      const { param2, ...data } = payment;
      expect(callback).to.deep.equal({
        kind: 'payment',
        id: 'T-1',
        refno: 'ABCD1234',
        status: 'S',
        data,
        unsigned: hints,
        proof: { algorithm: 'rsa', keyId: key.keyId },
        amount: '100.00',
        currency: 'PHP',
        origin: 'callback',
        method: 'POST',
        inquiry: undefined,
        occasion: undefined,
        copies: undefined,
        fingerprint: [payment.message, '100.00', `param1=${payment.param1}\nparam2=${param2}\n`]
          .map(sha1Digits)
          .join(''),
      });
      expect(raw()).to.match(/^txnid=T-1&refno=/);
    });

    it('with HMAC-SHA256: the merchant id and the parameters are not covered', async () => {
      const fields = { ...payment, ...hints, ...prove('hmac', texts.hmac) };
      const { data, unsigned, proof } = await verified(fields, accepting('hmac'));
      const { txnid, refno, status, message, amount, merchantid, param1 } = payment;
      expect(data).to.deep.equal({ txnid, refno, status, message, amount });
      expect(unsigned).to.deep.equal({ merchantid, param1, ...hints });
      expect(proof).to.deep.equal({ algorithm: 'hmac', keyId: 'keys[0]' });
    });

    it('with SHA-1: nor is the amount', async () => {
      const fields = { ...payment, ...hints, ...prove('sha1', texts.sha1) };
      const { data, unsigned, proof, amount } = await verified(fields, accepting('sha1'));
      const { txnid, refno, status, message, merchantid, param1 } = payment;
      expect(data).to.deep.equal({ txnid, refno, status, message });
      expect(unsigned).to.deep.equal({ merchantid, param1, amount: '100.00', ...hints });
      expect(proof).to.deep.equal({ algorithm: 'sha1', keyId: 'secretKeys[0]' });
      expect(amount, 'to be compared with the row').to.equal('100.00');
    });

    it('without the message, which is then not covered', async () => {
      const wire = { payment: { sha1: { fields: ['txnid', 'refno', 'status'] } } } as const;
      const fields = { txnid: 'T', refno: 'R', status: 'S', message: 'forged', ...prove('sha1', 'T:R:S') };
      const { data, unsigned } = await verified(fields, { ...accepting('sha1'), wire });
      expect(data).to.deep.equal({ txnid: 'T', refno: 'R', status: 'S', message: '' });
      expect(unsigned).to.deep.equal({ message: 'forged' });
    });

    it('for a payout, with SHA-1', async () => {
      const fields = { ...payout, amount: '5', ccy: 'PHP', procid: 'GCSH', ...prove('payout', payoutText) };
      const { raw, releaseForm, ...callback } = await verified(fields, accepting('rsa'));
      const { merchantTxnId, refNo: refno, status, message } = payout;
      expect(callback).to.deep.equal({
        kind: 'payout',
        id: 'O-1',
        refno,
        status,
        data: { merchantTxnId, refno, status, message },
        unsigned: { amount: '5.00', ccy: 'PHP', procid: 'GCSH' },
        proof: { algorithm: 'sha1', keyId: 'secretKeys[0]' },
        amount: '5.00',
        currency: 'PHP',
        origin: 'callback',
        method: 'POST',
        inquiry: undefined,
        occasion: undefined,
        copies: undefined,
        fingerprint: `${sha1Digits(payout.message)}${'_'.repeat(16)}`,
      });
    });

    it('without a fingerprint if nothing is stored', async () => {
      const fields = { ...payment, ...prove('rsa', texts.rsa) };
      for (const settings of [{ repository: undefined }, { saveData: false }]) {
        const { fingerprint } = await verified(fields, { ...accepting('rsa'), ...settings });
        expect(fingerprint).to.equal('_'.repeat(24));
      }
    });

    it('over a bare minimum of fields', async () => {
      const bare = { txnid: 'T', refno: 'R', status: 'P' };
      expect(await word({ ...bare, ...prove('rsa', 'T:R:P::ACME:::') }, accepting('rsa'))).to.equal('ok');
      expect(await word({ ...bare, ...prove('hmac', 'T:R:P::') }, accepting('hmac'))).to.equal('ok');
      expect(await word({ ...bare, ...prove('sha1', 'T:R:P:') }, accepting('sha1'))).to.equal('ok');
    });

    it('over an amount with exactly two decimals, however it was written', async () => {
      for (const [sent, signed] of [
        ['100', '100.00'],
        ['100.5', '100.50'],
        ['100.50', '100.50'],
        ['0', '0.00'],
      ]) {
        const bare = { txnid: 'T', refno: 'R', status: 'P', amount: sent as string };
        expect(await word({ ...bare, ...prove('hmac', `T:R:P::${signed}`) }, accepting('hmac'))).to.equal('ok');
      }
    });

    it('with a payout key only for payouts, and with a payment key only for payments', async () => {
      const swapped = { digest: opensslSha1(`${payoutText}:${secretKey}`) };
      expect(await word({ ...payout, ...swapped }, accepting('sha1'))).to.equal('proof-mismatch');
      const swappedBack = { digest: opensslSha1(`${texts.sha1}:${payoutKey}`) };
      expect(await word({ ...payment, ...swappedBack }, accepting('sha1'))).to.equal('proof-mismatch');
    });
  });

  describe('reads a proof in every form that it has', () => {
    const respelled: Array<[what: string, algorithm: Algorithm, respell: (proof: string) => string, word: string]> = [
      ['an upper-case digest', 'sha1', (proof) => proof.toUpperCase(), 'ok'],
      ['a lower-case digest', 'sha1', (proof) => proof.toLowerCase(), 'ok'],
      ['a digest of mixed case', 'sha1', (proof) => proof.slice(0, 20).toUpperCase() + proof.slice(20), 'ok'],
      ['an upper-case signature', 'hmac', (proof) => proof.toUpperCase(), 'ok'],
      ['a lower-case signature', 'hmac', (proof) => proof.toLowerCase(), 'ok'],
      ['signatures without padding', 'rsa', (proof) => proof.replace(/=+$/, ''), 'ok'],
      ['no digest with a space', 'sha1', (proof) => ` ${proof}`, 'proof-mismatch'],
      ['a digest with a line break', 'sha1', (proof) => `${proof}\n`, 'ok'],
      ['a digest in base64', 'sha1', (proof) => Buffer.from(proof, 'hex').toString('base64'), 'ok'],
      ['a signature in base64', 'hmac', (proof) => Buffer.from(proof, 'hex').toString('base64'), 'ok'],
      ['signatures in hex', 'rsa', (proof) => Buffer.from(proof, 'base64').toString('hex'), 'ok'],
      ['signatures in base64url', 'rsa', (proof) => Buffer.from(proof, 'base64').toString('base64url'), 'ok'],
      ['a digest as .NET prints bytes', 'sha1', (proof) => proof.toUpperCase().replace(/..(?=.)/g, '$&-'), 'ok'],
      ['a signature as OpenSSL prints bytes', 'hmac', (proof) => proof.replace(/..(?=.)/g, '$&:'), 'ok'],
      ['no digest with one dash', 'sha1', (proof) => `${proof.slice(0, 2)}-${proof.slice(2)}`, 'proof-mismatch'],
      ['signatures with line breaks', 'rsa', (proof) => proof.replace(/.{64}/g, '$&\r\n'), 'ok'],
      ['signatures with + decoded to spaces', 'rsa', (proof) => proof.replaceAll('+', ' '), 'ok'],
      ['signatures encoded twice', 'rsa', (proof) => encodeURIComponent(proof), 'ok'],
      ['no shortened digest', 'sha1', (proof) => proof.slice(0, -1), 'proof-mismatch'],
      ['no lengthened digest', 'sha1', (proof) => `${proof}0`, 'proof-mismatch'],
      ['no digest that is no hex', 'sha1', (proof) => `${proof.slice(0, -1)}g`, 'proof-mismatch'],
      ['no digest of half the length', 'sha1', (proof) => proof.slice(0, 20), 'proof-mismatch'],
      ['no shortened signature', 'hmac', (proof) => proof.slice(2), 'proof-mismatch'],
      ['no lengthened signature', 'hmac', (proof) => `${proof}00`, 'proof-mismatch'],
      ['no signature that is no hex', 'hmac', (proof) => `Z${proof.slice(1)}`, 'proof-mismatch'],
      ['no shortened signatures', 'rsa', (proof) => proof.slice(4), 'proof-mismatch'],
      ['no lengthened signatures', 'rsa', (proof) => `AAAA${proof}`, 'proof-mismatch'],
      ['no signatures with a space', 'rsa', (proof) => `${proof.slice(0, 8)} ${proof.slice(8)}`, 'proof-mismatch'],
      ['no other signatures in base64url', 'rsa', (proof) => `-_${proof.slice(2)}`, 'proof-mismatch'],
      ['no signatures of any length', 'rsa', (proof) => proof.repeat(5), 'proof-mismatch'],
      ['no signatures of nothing', 'rsa', () => '=', 'proof-mismatch'],
    ];
    for (const [what, algorithm, respell, expected] of respelled) {
      it(what, async () => {
        const [[field, proof]] = Object.entries(prove(algorithm, texts[algorithm])) as [[string, string]];
        expect(await word({ ...payment, [field]: respell(proof) }, accepting(algorithm))).to.equal(expected);
      });
    }

    it('a proof with one digit changed never holds', async () => {
      const proofs = Object.fromEntries(
        algorithms.map((algorithm) => [algorithm, Object.values(prove(algorithm, texts[algorithm]))[0] as string]),
      );
      const policies = Object.fromEntries(algorithms.map((algorithm) => [algorithm, policyOf(accepting(algorithm))]));
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...algorithms),
          fc.nat({ max: 300 }),
          fc.constantFrom(...'0123456789abcdef'),
          async (algorithm, position, digit) => {
            const proof = proofs[algorithm] as string;
            // The last digits of base64 hold bits that belong to no byte.
            const at = position % (algorithm === 'rsa' ? proof.length - 4 : proof.length);
            const changed = proof.slice(0, at) + digit + proof.slice(at + 1);
            const same = algorithm === 'rsa' ? changed === proof : changed.toLowerCase() === proof.toLowerCase();
            const verdict = await judge(
              { ...payment, [fieldOf[algorithm]]: changed },
              policies[algorithm] as VerificationPolicy,
            );
            expect(wordFor(verdict)).to.equal(same ? 'ok' : 'proof-mismatch');
          },
        ),
      );
    });
  });

  describe('reads text that is not ASCII', () => {
    const spanish = { txnid: 'T', refno: 'R', status: 'S', message: 'Niño: 💸' };
    const folded = 'Ni?o: ??';

    const cases: Array<[what: string, algorithm: Algorithm, text: string | Buffer, word: string]> = [
      ['as UTF-8 under SHA-1', 'sha1', 'T:R:S:Niño: 💸', 'ok'],
      ['as question marks under SHA-1', 'sha1', `T:R:S:${folded}`, 'ok'],
      ['not as Latin-1 under SHA-1', 'sha1', Buffer.from('T:R:S:Ni\xf1o: ??', 'latin1'), 'proof-mismatch'],
      ['not as one question mark for each character', 'sha1', 'T:R:S:Ni?o: ?', 'proof-mismatch'],
      ['as UTF-8 under HMAC', 'hmac', 'T:R:S:Niño: 💸:', 'ok'],
      ['not as question marks under HMAC', 'hmac', `T:R:S:${folded}:`, 'proof-mismatch'],
      ['as UTF-8 under RSA', 'rsa', 'T:R:S:Niño: 💸:ACME:::', 'ok'],
      ['not as question marks under RSA', 'rsa', `T:R:S:${folded}:ACME:::`, 'proof-mismatch'],
    ];
    for (const [what, algorithm, text, expected] of cases) {
      it(what, async () => {
        expect(await word({ ...spanish, ...prove(algorithm, text) }, accepting(algorithm))).to.equal(expected);
      });
    }

    it('of a payout, both ways', async () => {
      const fields = { merchantTxnId: 'O', refno: 'R', status: 'S', message: 'Niño' };
      expect(await word({ ...fields, ...prove('payout', 'O:R:S:Niño') }, accepting('rsa'))).to.equal('ok');
      expect(await word({ ...fields, ...prove('payout', 'O:R:S:Ni?o') }, accepting('rsa'))).to.equal('ok');
    });

    it('of a secret key as UTF-8 only', async () => {
      const settings = {
        verification: { sha1: { secretKeys: ['clavé'] } },
        wire: { payment: { sha1: { encodings: ['utf8'] } } },
      } as const;
      const bare = { txnid: 'T', refno: 'R', status: 'S' };
      expect(await word({ ...bare, digest: opensslSha1('T:R:S::clavé') }, settings)).to.equal('ok');
      expect(await word({ ...bare, digest: opensslSha1('T:R:S::clav?') }, settings)).to.equal('proof-mismatch');
    });

    it('without composing it: the same letter in two forms is two texts', async () => {
      const decomposed = { ...spanish, message: 'Nin\u0303o' };
      expect(await word({ ...decomposed, ...prove('sha1', 'T:R:S:Nin\u0303o') }, accepting('sha1'))).to.equal('ok');
      expect(await word({ ...decomposed, ...prove('sha1', 'T:R:S:Ni\u00f1o') }, accepting('sha1'))).to.equal(
        'proof-mismatch',
      );
    });
  });

  describe('goes by the policy', () => {
    type Present = 'absent' | 'empty' | 'valid' | 'invalid';
    /** Configured kinds; the three proofs in the order RSA, HMAC, SHA-1; the verdict; the field that it is about. */
    const lines: Array<
      [configured: string, rsa: Present, hmac: Present, sha1: Present, verdict: string, field?: string]
    > = [
      ['rsa', 'valid', 'absent', 'absent', 'ok', 'signatures'],
      ['rsa', 'invalid', 'absent', 'absent', 'proof-mismatch', 'signatures'],
      ['rsa', 'absent', 'absent', 'absent', 'proof-missing', 'signatures'],
      ['rsa', 'empty', 'absent', 'absent', 'proof-missing', 'signatures'],
      // No downgrade: a weaker proof does not replace a stronger one that is required.
      ['rsa', 'absent', 'valid', 'valid', 'proof-missing', 'signatures'],
      ['rsa', 'invalid', 'valid', 'valid', 'proof-mismatch', 'signatures'],
      // Proofs that are not configured are ignored.
      ['rsa', 'valid', 'invalid', 'invalid', 'ok', 'signatures'],
      ['hmac', 'absent', 'valid', 'absent', 'ok', 'signature'],
      ['hmac', 'invalid', 'valid', 'invalid', 'ok', 'signature'],
      ['hmac', 'valid', 'absent', 'valid', 'proof-missing', 'signature'],
      ['sha1', 'absent', 'absent', 'valid', 'ok', 'digest'],
      ['sha1', 'valid', 'valid', 'absent', 'proof-missing', 'digest'],
      ['sha1', 'invalid', 'invalid', 'valid', 'ok', 'digest'],
      // During a transition, one proof that holds is enough, and the strongest is reported. A proof that fails refuses
      // the callback.
      ['rsa sha1', 'absent', 'absent', 'valid', 'ok', 'digest'],
      ['rsa sha1', 'empty', 'valid', 'valid', 'ok', 'digest'],
      ['rsa sha1', 'valid', 'absent', 'valid', 'ok', 'signatures'],
      ['rsa sha1', 'valid', 'absent', 'invalid', 'proof-mismatch', 'digest'],
      ['rsa sha1', 'invalid', 'absent', 'valid', 'proof-mismatch', 'signatures'],
      ['rsa sha1', 'absent', 'valid', 'empty', 'proof-missing', 'signatures'],
      ['hmac sha1', 'invalid', 'valid', 'valid', 'ok', 'signature'],
      ['hmac sha1', 'absent', 'valid', 'invalid', 'proof-mismatch', 'digest'],
      ['hmac sha1', 'absent', 'invalid', 'invalid', 'proof-mismatch', 'signature'],
      ['rsa hmac sha1', 'valid', 'valid', 'valid', 'ok', 'signatures'],
      ['rsa hmac sha1', 'absent', 'valid', 'valid', 'ok', 'signature'],
      ['rsa hmac sha1', 'valid', 'invalid', 'valid', 'proof-mismatch', 'signature'],
      ['rsa hmac sha1', 'absent', 'absent', 'absent', 'proof-missing', 'signatures'],
    ];

    let proofs: Record<Algorithm, Record<Present, Fields>>;
    before(() => {
      const four = (algorithm: Algorithm): Record<Present, Fields> => ({
        absent: {},
        empty: { [fieldOf[algorithm]]: '' },
        valid: prove(algorithm, texts[algorithm]),
        // Proofs of another status.
        invalid: prove(algorithm, texts[algorithm].replace(':S:', ':F:')),
      });
      proofs = { rsa: four('rsa'), hmac: four('hmac'), sha1: four('sha1') };
    });

    function withProofs(rsa: Present, hmac: Present, sha1: Present): Fields {
      return { ...payment, ...proofs.rsa[rsa], ...proofs.hmac[hmac], ...proofs.sha1[sha1] };
    }

    for (const [configured, rsa, hmac, sha1, expected, field] of lines) {
      it(`${configured} configured; RSA ${rsa}, HMAC ${hmac}, SHA-1 ${sha1}: ${expected}`, async () => {
        const accepted = configured.split(' ') as Algorithm[];
        const verdict = await judge(withProofs(rsa, hmac, sha1), policyOf(accepting(...accepted)));
        expect(wordFor(verdict)).to.equal(expected);
        if (verdict.ok) expect(fieldOf[verdict.callback.proof.algorithm as Algorithm]).to.equal(field);
        else expect('issues' in verdict && verdict.issues.map((issue) => issue.field)).to.deep.equal([field]);
      });
    }

    it('in all 448 cases: every configured proof that is present holds, and there is one', async () => {
      const presents = ['absent', 'empty', 'valid', 'invalid'] as const;
      for (let subset = 1; subset < 8; subset++) {
        const accepted = algorithms.filter((_, index) => subset & (1 << index));
        const policy = policyOf(accepting(...accepted));
        for (const rsa of presents) {
          for (const hmac of presents) {
            for (const sha1 of presents) {
              const looked = accepted.map((algorithm) => ({ rsa, hmac, sha1 })[algorithm]);
              const expected = looked.includes('invalid')
                ? 'proof-mismatch'
                : looked.includes('valid')
                  ? 'ok'
                  : 'proof-missing';
              const verdict = await judge(withProofs(rsa, hmac, sha1), policy);
              expect(wordFor(verdict), `${accepted}: ${rsa} ${hmac} ${sha1}`).to.equal(expected);
            }
          }
        }
      }
    });

    it('ignores kinds that are not configured, also malformed and huge ones', async () => {
      for (const junk of ['x', '%', ':', '0'.repeat(40), 'é', '='.repeat(9000)]) {
        const fields = { ...payment, ...proofs.rsa.valid, signature: junk, digest: junk };
        expect(await word(fields, accepting('rsa'))).to.equal('ok');
        const weak = { ...payment, ...proofs.sha1.valid, signature: junk, signatures: junk };
        expect(await word(weak, accepting('sha1'))).to.equal('ok');
      }
    });

    it('takes no payment proof for a payout', async () => {
      const rsaOfPayout = prove('rsa', `${payoutText}:ACME:::`);
      const hmacOfPayout = prove('hmac', `${payoutText}:`);
      const fields = { ...payout, ...rsaOfPayout, ...hmacOfPayout };
      expect(await word(fields, accepting('rsa', 'hmac', 'sha1'))).to.equal('proof-missing');
    });

    it('wants the digest of a payout even where everything else is there', async () => {
      expect(await word({ ...payout, digest: '' }, accepting('rsa'))).to.equal('proof-missing');
      expect(await word({ ...payout, ...prove('payout', payoutText) }, accepting('rsa'))).to.equal('ok');
    });

    it('accepts nothing of a kind for which nothing is configured', async () => {
      const onlyPayouts = { payout: { sha1: { secretKeys: [payoutKey] } } };
      expect(await word(withProofs('valid', 'valid', 'valid'), onlyPayouts)).to.equal('proof-missing');
      const onlyPayments = { verification: { sha1: { secretKeys: [payoutKey] } } };
      expect(await word({ ...payout, ...prove('payout', payoutText) }, onlyPayments)).to.equal('proof-missing');
    });

    describe('where the public keys cannot be fetched', () => {
      let fetches: number;
      const unreachable = (...weaker: Array<'hmac' | 'sha1'>): Partial<DragonpaySettings> => {
        fetches = 0;
        const { verification } = accepting(...weaker);
        return {
          apiKey: 'api key',
          verification: { ...verification, rsa: {}, transition: true },
          fetch: async () => {
            fetches++;
            throw new Error('unreachable');
          },
        };
      };
      const cases: Array<
        [what: string, fields: () => Fields, weaker: Array<'hmac' | 'sha1'>, word: string, fetched: boolean]
      > = [
        ['a signature cannot be judged', () => withProofs('valid', 'absent', 'absent'), [], 'keys-unavailable', true],
        ['nor can a forged one', () => withProofs('invalid', 'absent', 'absent'), [], 'keys-unavailable', true],
        [
          'a weaker proof does not help',
          () => withProofs('valid', 'absent', 'valid'),
          ['sha1'],
          'keys-unavailable',
          true,
        ],
        [
          'a weaker proof that fails decides',
          () => withProofs('valid', 'absent', 'invalid'),
          ['sha1'],
          'proof-mismatch',
          true,
        ],
        ['a weaker proof alone needs no keys', () => withProofs('absent', 'absent', 'valid'), ['sha1'], 'ok', false],
        ['nothing to judge is missing', () => withProofs('empty', 'valid', 'valid'), [], 'proof-missing', false],
        ['what is no base64 is no signature', () => ({ ...payment, signatures: '?' }), [], 'proof-mismatch', false],
        [
          'another merchant is refused first',
          () => ({ ...withProofs('valid', 'absent', 'absent'), merchantid: 'X' }),
          [],
          'merchant-mismatch',
          false,
        ],
      ];
      for (const [what, fields, weaker, expected, fetched] of cases) {
        it(what, async () => {
          expect(await word(fields(), unreachable(...weaker))).to.equal(expected);
          expect(fetches > 0).to.equal(fetched);
        });
      }
    });
  });

  describe('tries several keys and reports the one that matched', () => {
    it('among public keys', async () => {
      const settings = {
        verification: { rsa: { publicKeys: [otherKey.publicKeyPem, createPublicKey(key.publicKeyPem)] } },
      };
      const { proof } = await verified({ ...payment, ...prove('rsa', texts.rsa) }, settings);
      expect(proof).to.deep.equal({ algorithm: 'rsa', keyId: key.keyId });
      const bySecond = { signatures: opensslSign(otherKey, texts.rsa) };
      expect((await verified({ ...payment, ...bySecond }, settings)).proof.keyId).to.equal(otherKey.keyId);
    });

    it('among HMAC keys', async () => {
      const settings = { verification: { hmac: { keys: ['a', 'b', hmacKey] } } };
      const { proof } = await verified({ ...payment, ...prove('hmac', texts.hmac) }, settings);
      expect(proof).to.deep.equal({ algorithm: 'hmac', keyId: 'keys[2]' });
    });

    it('among HMAC keys that are given as hex', async () => {
      const settings = { verification: { hmac: { keys: ['00ff', 'C0FFEE'], encoding: 'hex' as const } } };
      const signature = opensslHmac(Buffer.from('c0ffee', 'hex'), texts.hmac);
      expect((await verified({ ...payment, signature }, settings)).proof.keyId).to.equal('keys[1]');
      const asText = opensslHmac('C0FFEE', texts.hmac);
      expect(await word({ ...payment, signature: asText }, settings)).to.equal('proof-mismatch');
    });

    it('among secret keys, for payments and payouts', async () => {
      const settings = {
        verification: { sha1: { secretKeys: ['old', secretKey] } },
        payout: { sha1: { secretKeys: [payoutKey, 'new'] } },
      };
      const byOld = { digest: opensslSha1(`${texts.sha1}:old`) };
      expect((await verified({ ...payment, ...byOld }, settings)).proof.keyId).to.equal('secretKeys[0]');
      expect((await verified({ ...payment, ...prove('sha1', texts.sha1) }, settings)).proof.keyId).to.equal(
        'secretKeys[1]',
      );
      const byNew = { digest: opensslSha1(`${payoutText}:new`) };
      expect((await verified({ ...payout, ...byNew }, settings)).proof.keyId).to.equal('secretKeys[1]');
    });

    it('and none that is not among them', async () => {
      const signatures = opensslSign(otherKey, texts.rsa);
      expect(await word({ ...payment, signatures }, accepting('rsa'))).to.equal('proof-mismatch');
      const signature = opensslHmac('another', texts.hmac);
      expect(await word({ ...payment, signature }, accepting('hmac'))).to.equal('proof-mismatch');
      const digest = opensslSha1(`${texts.sha1}:another`);
      expect(await word({ ...payment, digest }, accepting('sha1'))).to.equal('proof-mismatch');
    });
  });

  describe('compares the merchant id', () => {
    const { merchantid, ...withoutMerchant } = payment;

    it('signs for the configured one where the wire has none, and says so in the data', async () => {
      for (const fields of [withoutMerchant, { ...withoutMerchant, merchantid: '' }]) {
        const { data } = await verified({ ...fields, ...prove('rsa', texts.rsa) }, accepting('rsa'));
        expect(data).to.have.property('merchantid', 'ACME');
      }
      const { data, unsigned } = await verified(
        { ...withoutMerchant, ...prove('hmac', texts.hmac) },
        accepting('hmac'),
      );
      expect(data).to.not.have.property('merchantid');
      expect(unsigned).to.not.have.property('merchantid');
    });

    it('takes no signature over an empty one', async () => {
      const signatures = opensslSign(key, texts.rsa.replace(':ACME:', '::'));
      expect(await word({ ...withoutMerchant, signatures }, accepting('rsa'))).to.equal('proof-mismatch');
    });

    for (const other of ['OTHER', 'acme', 'ACME ', 'ACM']) {
      it(`refuses ${JSON.stringify(other)}, whatever is signed`, async () => {
        const fields = { ...payment, merchantid: other };
        const signed = prove('rsa', texts.rsa.replace('ACME', other));
        for (const [algorithm, proof] of [
          ['rsa', signed],
          ['hmac', prove('hmac', texts.hmac)],
          ['sha1', prove('sha1', texts.sha1)],
        ] as const) {
          expect(await word({ ...fields, ...proof }, accepting(algorithm))).to.equal('merchant-mismatch');
        }
      });
    }

    it('refuses another one for a payout', async () => {
      const fields = { ...payout, ...prove('payout', payoutText) };
      expect(await word({ ...fields, merchantid: 'ACME' }, accepting('rsa'))).to.equal('ok');
      expect(await word({ ...fields, merchantid: 'OTHER' }, accepting('rsa'))).to.equal('merchant-mismatch');
    });
  });
  it('never puts a field into the data that the proof does not cover', async () => {
    const covered: Readonly<Record<Algorithm, readonly string[]>> = orders;
    for (const algorithm of algorithms) {
      const all = { ...payment, param2: 'p2', ...hints, expiry: 'x', billerId: 'y' };
      const text = orders[algorithm].map((field) => (all as Fields)[field]).join(':');
      const { data, unsigned } = await verified({ ...all, ...prove(algorithm, text) }, accepting(algorithm));
      expect(Object.keys(data)).to.have.members([...covered[algorithm]]);
      const uncovered = ['merchantid', 'param1', 'param2', 'amount'].filter(
        (name) => !covered[algorithm].includes(name),
      );
      expect(Object.keys(unsigned)).to.have.members([...uncovered, 'ccy', 'procid', 'settledate']);
    }
  });

  describe('follows settings where they replace what is uncertain', () => {
    it('in the order of the fields', async () => {
      const wire: WireSettings = { payment: { hmac: { fields: ['refno', 'txnid', 'status', 'amount', 'message'] } } };
      const proof = prove('hmac', `ABCD1234:T-1:S:100.00:${payment.message}`);
      expect(await word({ ...payment, ...proof }, { ...accepting('hmac'), wire })).to.equal('ok');
      expect(await word({ ...payment, ...prove('hmac', texts.hmac) }, { ...accepting('hmac'), wire })).to.equal(
        'proof-mismatch',
      );
    });

    it('in the fields that are covered', async () => {
      const wire: WireSettings = {
        payout: { sha1: { fields: ['merchantTxnId', 'refno', 'status', 'message', 'amount'] } },
      };
      const proof = prove('payout', `${payoutText}:5.00`);
      const { data, unsigned } = await verified({ ...payout, amount: '5', ...proof }, { ...accepting('rsa'), wire });
      expect(data).to.have.property('amount', '5.00');
      expect(unsigned).to.deep.equal({});
    });

    for (const algorithm of ['rsa', 'hmac'] as const) {
      it(`in the encodings of ${algorithm}`, async () => {
        const wire: WireSettings = { payment: { [algorithm]: { encodings: ['ascii'] } } };
        const fields = { ...payment, message: 'Niño' };
        const text = texts[algorithm].replace(payment.message, 'Ni?o');
        const settings = { ...accepting(algorithm), wire };
        expect(await word({ ...fields, ...prove(algorithm, text) }, settings)).to.equal('ok');
        const utf8 = texts[algorithm].replace(payment.message, 'Niño');
        expect(await word({ ...fields, ...prove(algorithm, utf8) }, settings)).to.equal('proof-mismatch');
      });
    }
  });

  describe('believes no recorded callback, as nobody knows its key', () => {
    for (const { raw_query, fields } of recordedCallbacks) {
      it(fields.txnid as string, async () => {
        const policy = policyOf({ verification: { sha1: { secretKeys: [secretKey, 'test', 'password'] } } });
        const verdict = raw_query === null ? await judge(fields, policy) : await judgeForm(raw_query, policy);
        expect(wordFor(verdict)).to.equal('proof-mismatch');
      });
    }
  });
});
