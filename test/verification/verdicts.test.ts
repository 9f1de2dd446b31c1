import { expect } from 'chai';
import type { VerifiedCallback } from '../../src/model/verified-callback.js';
import { checkFields } from '../../src/reading/check-fields.js';
import { readFields, readForm } from '../../src/reading/read-fields.js';
import type { DragonpaySettings } from '../../src/settings/settings.js';
import { encodeCallback } from '../../src/testing.js';
import { verifyCallback } from '../../src/verification/verify-callback.js';
import { verifyFields } from '../../src/verification/verify-fields.js';
import { makeRequest } from '../support/callback-request.js';
import { judgeForm, policyOf } from '../support/judge.js';
import { accepting, type Fields, merchantKey, payout, payoutText, prove } from '../support/proofs.js';

const kinds = new Set(['payment', 'payout'] as const);
const bare = { txnid: 'T', refno: 'R', status: 'S' };
const signed = { ...bare, message: 'm', ...prove('sha1', 'T:R:S:m') };

/** The complete verdict on a form. */
const verdictOn = (form: string, settings: Partial<DragonpaySettings>) => judgeForm(form, policyOf(settings));
const hooks = { keysFailed: () => {} };
const formOf = (fields: Fields) => encodeCallback(fields);

describe('A verdict', () => {
  const all = accepting('rsa', 'hmac', 'sha1');
  const sha1 = accepting('sha1');
  const coversParam = {
    ...sha1,
    wire: { payment: { sha1: { fields: ['txnid', 'refno', 'status', 'param1'] } } },
  } as const;
  const refusals: ReadonlyArray<
    readonly [
      form: string,
      settings: Partial<DragonpaySettings>,
      issue: Record<'code' | 'message', string> & { field?: string },
    ]
  > = [
    [
      formOf({ ...signed, merchantid: 'OTHER' }),
      sha1,
      { code: 'merchant-mismatch', field: 'merchantid', message: 'merchantid is not the configured merchant id' },
    ],
    [
      formOf({ ...signed, message: 'n' }),
      sha1,
      { code: 'proof-mismatch', field: 'digest', message: 'digest does not match the fields' },
    ],
    [
      formOf(bare),
      all,
      {
        code: 'proof-missing',
        field: 'signatures',
        message: 'no proof of an accepted kind is present (signatures, signature, digest)',
      },
    ],
    [
      formOf({ ...payout, ...prove('payout', payoutText) }),
      { verification: sha1.verification },
      { code: 'proof-missing', message: 'no proof of an accepted kind is present ()' },
    ],
    [`${formOf(bare)}&digest=%ff`, sha1, { code: 'invalid-utf8', field: 'digest', message: 'digest is not UTF-8' }],
    [
      `${formOf({ ...bare, ...prove('sha1', 'T:R:S:') })}&param1=%ff`,
      coversParam,
      { code: 'invalid-utf8', field: 'param1', message: 'param1 is not UTF-8' },
    ],
    [
      `${formOf(signed)}&signature=%ff`,
      accepting('hmac', 'sha1'),
      { code: 'invalid-utf8', field: 'signature', message: 'signature is not UTF-8' },
    ],
  ];
  for (const [form, settings, issue] of refusals) {
    it(`of ${issue.code} says why, and of which field: ${issue.field ?? 'none'}`, async () => {
      expect(await verdictOn(form, settings)).to.deep.equal({ ok: false, reason: 'invalid', issues: [issue] });
    });
  }

  it('is about the reading that holds: what it covers is in the data', async () => {
    const wire = {
      payment: {
        sha1: { fields: ['txnid', 'refno', 'status'], also: [{ fields: ['txnid', 'refno', 'status', 'message'] }] },
      },
    } as const;
    const second = await verdictOn(formOf(signed), { ...sha1, wire });
    if (!second.ok) throw new Error('refused');
    expect(second.callback.data.message).to.equal('m');
    expect(second.callback.proof).to.deep.equal({ algorithm: 'sha1', keyId: 'secretKeys[0]', reading: 1 });
    const first = await verdictOn(formOf({ ...bare, message: 'm', ...prove('sha1', 'T:R:S') }), { ...sha1, wire });
    if (!first.ok) throw new Error('refused');
    expect(first.callback.data.message).to.equal('');
    expect(first.callback.proof).to.deep.equal({ algorithm: 'sha1', keyId: 'secretKeys[0]' });
  });

  it('is there at once, unless a proof waits for a key', async () => {
    const waiting = { ...accepting('sha1'), apiKey: 'k', fetch: () => Promise.reject(new Error('down')), hooks };
    const { verification } = waiting;
    for (const [settings, form, waits] of [
      [sha1, formOf(signed), false],
      [sha1, formOf(bare), false],
      [sha1, 'txnid=T', false],
      [accepting('rsa'), formOf({ ...bare, ...prove('rsa', 'T:R:S::ACME:::') }), false],
      [{ ...waiting, verification: { ...verification, rsa: {}, transition: true } }, formOf(signed), false],
      [
        { ...waiting, verification: { ...verification, rsa: {}, transition: true } },
        formOf({ ...signed, ...prove('rsa', 'T:R:S::ACME:::') }),
        true,
      ],
    ] as const) {
      const fields = readForm(form, 64);
      if (fields === undefined) throw new Error('not read');
      expect(verifyFields(fields, 'POST', kinds, policyOf(settings)) instanceof Promise, form).to.equal(waits);
    }
  });

  it('waits for keys, and then is about the callback', async () => {
    const settings = {
      apiKey: 'k',
      fetch: async () => Response.json([{ value: merchantKey().publicKeyDer, status: 'Active' }]),
      verification: { ...sha1.verification, rsa: {}, transition: true },
    };
    const proof = prove('rsa', 'T:R:S:m:ACME:::');
    const verdict = await verdictOn(formOf({ ...signed, ...proof }), settings);
    expect(verdict.ok && verdict.callback.data).to.have.property('merchantid', 'ACME');
    expect(await verdictOn(formOf({ ...signed, ...proof, status: 'F' }), settings)).to.have.property(
      'reason',
      'invalid',
    );
  });

  it('of another reading of what a body parser left counts, unless the form itself is at fault', async () => {
    const policy = policyOf(sha1);
    const codeOf = async (
      pairs: ReadonlyArray<readonly [string, string]>,
      value: (callback: VerifiedCallback) => string | undefined = ({ data }) => data.message,
    ) => {
      const fields = await readFields(makeRequest({ body: { kind: 'fields', fields: pairs } }), {
        bodyBytes: 1e4,
        queryBytes: 1e4,
        fields: 64,
      });
      if (!fields.ok) throw new Error(fields.code);
      const verdict = await verifyFields(fields, 'POST', kinds, policy);
      return verdict.ok ? value(verdict.callback) : 'issues' in verdict && verdict.issues[0]?.code;
    };
    const base = Object.entries(bare);
    const proofOf = (message: string) => Object.entries(prove('sha1', `T:R:S:${message}`));
    expect(await codeOf([...base, ...proofOf('100% A'), ['message', '100% %41']])).to.equal('100% A');
    expect(await codeOf([...base, ...proofOf('100% %41'), ['message', '100% %41']])).to.equal('100% %41');
    expect(await codeOf([...base, ...proofOf('a\r\n'), ['message', 'a\r\n']])).to.equal('a\r\n');
    expect(await codeOf([...base, ...proofOf('b'), ['message', '100% %41']])).to.equal('proof-mismatch');
    expect(await codeOf([...base, ...proofOf(''), ['param1', '100% %41']], ({ unsigned }) => unsigned.param1)).to.equal(
      '100% %41',
    );
    for (const message of ['a% %41\r\n', 'a% A\r\n', 'a% A']) {
      expect(await codeOf([...base, ...proofOf(message), ['message', 'a% %41\r\n']])).to.equal(message);
    }
    expect(await codeOf([...base, ...proofOf(''), ['txnid\r\n', '']])).to.equal('repeated-field');
  });

  it('of keys that are not there tells the problem, if no other proof fails', async () => {
    const settings = {
      ...accepting('sha1'),
      apiKey: 'k',
      fetch: () => Promise.reject(new Error('down')),
      hooks,
      verification: { ...sha1.verification, rsa: {}, transition: true },
    };
    const junk = { signatures: 'A'.repeat(344) };
    const verdict = await verdictOn(formOf({ ...signed, ...junk }), settings);
    expect(verdict).to.include({ ok: false, reason: 'keys-unavailable' }).and.have.property('problem');
    expect(await verdictOn(formOf({ ...signed, message: 'n', ...junk }), settings)).to.have.property(
      'reason',
      'invalid',
    );
  });

  it('of values that a body parser decoded is that they were altered, if they are signed encoded', () => {
    const wire = { payment: { sha1: { values: 'encoded' } } } as const;
    const policy = policyOf({ ...sha1, wire });
    const fields = readForm(formOf(signed), 64);
    const checked = fields && checkFields(fields, kinds);
    if (!checked?.ok) throw new Error('not read');
    const verdict = (isParsed?: boolean) =>
      verifyCallback(checked.callback, { method: 'POST', raw: () => formOf(signed), isParsed }, policy);
    expect(verdict()).to.have.property('ok', true);
    expect(verdict(false)).to.have.property('ok', true);
    const message = 'a body parser decoded values that are signed as encoded; mount the handler before it';
    expect(verdict(true)).to.deep.equal({
      ok: false,
      reason: 'invalid',
      issues: [{ code: 'altered-by-parser', message }],
    });
    const decoded = verifyCallback(
      checked.callback,
      { method: 'POST', raw: () => formOf(signed), isParsed: true },
      policyOf(sha1),
    );
    expect(decoded).to.have.property('ok', true);
  });
});
